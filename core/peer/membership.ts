/** Who is in the cluster, and who of them may be given content, by the newest metrics (`spec/behaviour.md` §2.1). */
import { allocate } from '../allocator/allocation.ts'
import type { Metric } from '../monitor/metric.ts'
import type { MetricWindow } from '../monitor/metric-window.ts'
import type { PeerIdText, PinOptions, UnixNano } from '../pin/pin.ts'

export interface MembershipInit {
  self: PeerIdText
  window: MetricWindow
  allocateBy: readonly string[]
}

/** Copies given to a peer since `since`, when its newest metric came. */
interface Given {
  copies: number
  since: UnixNano
}

export class Membership {
  readonly #init: MembershipInit
  readonly #given = new Map<PeerIdText, Given>()

  constructor(init: MembershipInit) {
    this.#init = init
  }

  /** This peer and all with a valid ping, by peer ID. */
  members(): PeerIdText[] {
    const { self, window } = this.#init
    const alive = window.current('ping').map((metric) => metric.peer)
    return [...new Set([self, ...alive])].sort()
  }

  /** The newest valid metric of each member, by peer ID. */
  metrics(name: string): Metric[] {
    const members = new Set(this.members())
    return this.#init.window.current(name).filter(({ peer }) => members.has(peer))
  }

  /** Throws `NotEnoughPeersError`. */
  allocate(pin: PinOptions, current: readonly PeerIdText[]): PeerIdText[] {
    const { window, allocateBy } = this.#init
    const metrics = new Map(
      allocateBy.map((name) => [name, new Map(window.current(name).map((metric) => [metric.peer, metric]))]),
    )
    return allocate({
      min: pin.replicationFactorMin,
      max: pin.replicationFactorMax,
      current,
      preferred: pin.userAllocations,
      excluded: new Set(),
      alive: new Set(this.members()),
      allocateBy,
      metrics,
      given: this.#givenSinceMetrics(),
    })
  }

  /** Counts copies that were given out, so that the next do not pile up on the same peers before these show in metrics. */
  gave(peers: readonly PeerIdText[]): void {
    for (const peer of peers) {
      const given = this.#given.get(peer) ?? { copies: 0, since: this.#newestMetric(peer) }
      given.copies += 1
      this.#given.set(peer, given)
    }
  }

  #givenSinceMetrics(): Map<PeerIdText, number> {
    const counts = new Map<PeerIdText, number>()
    for (const [peer, { copies, since }] of this.#given) {
      // A clock that was set back makes newer metrics look older.
      if (this.#newestMetric(peer) !== since) this.#given.delete(peer)
      else counts.set(peer, copies)
    }
    return counts
  }

  #newestMetric(peer: PeerIdText): UnixNano {
    const { window, allocateBy } = this.#init
    let newest = 0n
    for (const name of allocateBy) {
      const receivedAt = window.latest(name, peer)?.receivedAt ?? 0n
      if (receivedAt > newest) newest = receivedAt
    }
    return newest
  }

  /** Where blocks of an add go: to all members when every peer is to hold them. */
  destinations(pin: PinOptions): PeerIdText[] {
    const everywhere = pin.replicationFactorMin < 0 && pin.replicationFactorMax < 0
    return everywhere ? this.members() : this.allocate(pin, [])
  }
}
