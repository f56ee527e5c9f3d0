/**
 * The newest metric of each name and peer. The original keeps 25 of each and never forgets a peer; one is enough for all
 * that reads them, and a peer that was silent for `forgetAfter` is dropped (`spec/behaviour.md` §11 no. 30).
 */
import type { PeerIdText, UnixNano } from '../pin/pin.ts'
import { isCurrent, type Metric } from './metric.ts'

/** Peers and names beyond these are refused, so that a stranger cannot fill the memory. */
export const metricLimits = {
  /** Metric names that one peer may have. */
  namesPerPeer: 64,
  /** Peers remembered. */
  peers: 10_000,
  /** Characters of a name or value. */
  textLength: 16_384,
} as const

/** Nanoseconds after its expiry at which a metric is dropped: one hour. */
export const forgetAfter: UnixNano = 3_600_000_000_000n

export class MetricWindow {
  readonly #byPeer = new Map<PeerIdText, Map<string, Metric>>()

  /** Keeps `metric` if it is newer than what is known. Returns false when it is refused for its size or number. */
  add(metric: Metric): boolean {
    if (metric.name.length > metricLimits.textLength || metric.value.length > metricLimits.textLength)
      return false
    let ofPeer = this.#byPeer.get(metric.peer)
    if (ofPeer === undefined) {
      if (this.#byPeer.size >= metricLimits.peers) return false
      ofPeer = new Map()
      this.#byPeer.set(metric.peer, ofPeer)
    }
    const known = ofPeer.get(metric.name)
    if (known === undefined && ofPeer.size >= metricLimits.namesPerPeer) return false
    if (known === undefined || metric.receivedAt >= known.receivedAt) ofPeer.set(metric.name, metric)
    return true
  }

  /** The newest metric of a peer, expired or not. */
  latest(name: string, peer: PeerIdText): Metric | undefined {
    return this.#byPeer.get(peer)?.get(name)
  }

  /** Valid, unexpired metrics of a name, by peer ID. */
  current(name: string, now: UnixNano): Metric[] {
    const found: Metric[] = []
    for (const ofPeer of this.#byPeer.values()) {
      const metric = ofPeer.get(name)
      if (metric !== undefined && isCurrent(metric, now)) found.push(metric)
    }
    return found.sort((a, b) => (a.peer < b.peer ? -1 : 1))
  }

  /** The newest metric of each name and peer, expired or not. */
  *newest(): Generator<Metric> {
    for (const ofPeer of this.#byPeer.values()) yield* ofPeer.values()
  }

  names(): string[] {
    const names = new Set<string>()
    for (const ofPeer of this.#byPeer.values()) for (const name of ofPeer.keys()) names.add(name)
    return [...names].sort()
  }

  /** Drops what expired more than `forgetAfter` ago. */
  forget(now: UnixNano): void {
    for (const [peer, ofPeer] of this.#byPeer) {
      for (const [name, metric] of ofPeer) if (metric.expire + forgetAfter < now) ofPeer.delete(name)
      if (ofPeer.size === 0) this.#byPeer.delete(peer)
    }
  }
}
