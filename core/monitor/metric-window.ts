/**
 * The newest metric of each name and peer, and whether it still holds: who is alive, to all parts of a peer. The original
 * keeps 25 of each and never forgets a peer; one is enough for all that reads them, and a peer that was silent for
 * `forgetAfter` is dropped (`spec/behaviour.md` §11 no. 30).
 */
import type { PeerIdText } from '../pin/pin.ts'
import type { Attention } from './attention.ts'
import { believedLifetime, Rhythm } from './lifetime.ts'
import type { Metric } from './metric.ts'

/** Peers and names beyond these are refused, so that a stranger cannot fill the memory. */
export const metricLimits = {
  /** Metric names that one peer may have. */
  namesPerPeer: 64,
  /** Peers remembered. */
  peers: 10_000,
  /** Characters of a name or value. */
  textLength: 16_384,
} as const

/** Milliseconds after its end at which a metric is dropped. */
export const forgetAfter = 3_600_000

/** The newest metric of a name and peer. */
export interface HeardMetric {
  metric: Metric
  /** It may be used; false when it has run out without a newer one. */
  holds: boolean
}

interface Entry {
  metric: Metric
  rhythm: Rhythm
  /** Until when it holds, in attentive milliseconds. */
  deadline: number
  /** It held at some time. One that came when it was over already says nothing of who is alive, or was. */
  held: boolean
}

export class MetricWindow {
  readonly #byPeer = new Map<PeerIdText, Map<string, Entry>>()
  readonly #attention: Pick<Attention, 'now' | 'judge' | 'pingTtl'>
  readonly #counts: (peer: PeerIdText) => boolean

  /** `counts`: false of peers whose metrics are kept and not given out, as long as it says so. */
  constructor(
    attention: Pick<Attention, 'now' | 'judge' | 'pingTtl'>,
    counts: (peer: PeerIdText) => boolean = () => true,
  ) {
    this.#attention = attention
    this.#counts = counts
  }

  /**
   * Takes a metric that has just come, in place of the one before. Returns false when it is refused for its size or number,
   * or not valid.
   */
  add(metric: Metric): boolean {
    const { peer, name, value } = metric
    if (!metric.valid || name.length > metricLimits.textLength || value.length > metricLimits.textLength)
      return false
    const ofPeer = this.#byPeer.get(peer) ?? new Map<string, Entry>()
    const known = ofPeer.get(name)
    if (known === undefined) {
      if (ofPeer.size >= metricLimits.namesPerPeer) return false
      if (ofPeer.size === 0 && this.#byPeer.size >= metricLimits.peers) return false
      this.#byPeer.set(peer, ofPeer)
    }
    const now = this.#attention.now()
    const rhythm = known?.rhythm ?? new Rhythm(this.#attention.pingTtl)
    const lifetime = rhythm.arrival(now, Number(metric.expire - metric.receivedAt) / 1e6, metric.expire)
    const held = lifetime > 0
    // What was said before was believed for some time: one more metric is no reason to believe it for less.
    const believed = Math.min(known?.deadline ?? now, now + believedLifetime)
    const deadline = Math.max(now + lifetime, believed)
    if (held || known === undefined) ofPeer.set(name, { metric, rhythm, deadline, held })
    return true
  }

  /** The newest metric of a peer, whether it holds or not. */
  latest(name: string, peer: PeerIdText): Metric | undefined {
    return this.#byPeer.get(peer)?.get(name)?.metric
  }

  /** True when the newest metric of a peer holds. */
  holds(name: string, peer: PeerIdText): boolean {
    const entry = this.#counts(peer) ? this.#byPeer.get(peer)?.get(name) : undefined
    return entry !== undefined && this.#attention.judge()(entry.deadline)
  }

  /** The metrics of a name that hold, by peer ID. */
  current(name: string): Metric[] {
    const holds = this.#attention.judge()
    const found: Metric[] = []
    for (const [peer, ofPeer] of this.#byPeer) {
      const entry = this.#counts(peer) ? ofPeer.get(name) : undefined
      if (entry !== undefined && holds(entry.deadline)) found.push(entry.metric)
    }
    return found.sort((a, b) => (a.peer < b.peer ? -1 : 1))
  }

  /** The newest metric of each name and peer that held at some time. */
  *newest(): Generator<HeardMetric> {
    const holds = this.#attention.judge()
    for (const [peer, ofPeer] of this.#byPeer) {
      if (!this.#counts(peer)) continue
      for (const { metric, deadline, held } of ofPeer.values())
        if (held) yield { metric, holds: holds(deadline) }
    }
  }

  names(): string[] {
    const names = new Set<string>()
    for (const { metric } of this.newest()) names.add(metric.name)
    return [...names].sort()
  }

  /** Drops what ended more than `forgetAfter` ago. */
  forget(): void {
    const before = this.#attention.now() - forgetAfter
    for (const [peer, ofPeer] of this.#byPeer) {
      for (const [name, { deadline }] of ofPeer) if (deadline < before) ofPeer.delete(name)
      if (ofPeer.size === 0) this.#byPeer.delete(peer)
    }
  }
}
