/** Who is in the cluster, and who of them may be given content, by the newest metrics (`spec/behaviour.md` §2.1). */
import { allocate } from '../allocator/allocation.ts'
import type { Metric } from '../monitor/metric.ts'
import type { MetricWindow } from '../monitor/metric-window.ts'
import type { PeerIdText, Pin, PinOptions, UnixNano } from '../pin/pin.ts'
import { GivenCopies } from './given-copies.ts'

export interface MembershipInit {
  self: PeerIdText
  window: MetricWindow
  allocateBy: readonly string[]
  isTrusted: (peer: PeerIdText) => boolean
  /** Only these are given content (`pin_only_on_trusted_peers` and the like); undefined = all. */
  pinOnlyOn: 'trusted' | 'untrusted' | undefined
  /** Taken out of the cluster by an operator: given nothing, alive or not. */
  isRemoved: (peer: PeerIdText) => boolean
}

export class Membership {
  readonly #init: MembershipInit
  readonly #given = new GivenCopies((peer) => this.#newestMetric(peer))

  constructor(init: MembershipInit) {
    this.#init = init
  }

  /** This peer and all with a valid ping, by peer ID. */
  members(): PeerIdText[] {
    const { self, window } = this.#init
    const alive = window.current('ping').map((metric) => metric.peer)
    return [...new Set([self, ...alive])].sort()
  }

  isAlive(peer: PeerIdText): boolean {
    return peer === this.#init.self || this.#init.window.holds('ping', peer)
  }

  /** The newest valid metric of each member, by peer ID. */
  metrics(name: string): Metric[] {
    const members = new Set(this.members())
    return this.#init.window.current(name).filter(({ peer }) => members.has(peer))
  }

  isTrusted(peer: PeerIdText): boolean {
    return this.#init.isTrusted(peer)
  }

  isRemoved(peer: PeerIdText): boolean {
    return this.#init.isRemoved(peer)
  }

  /** For a pin that a user asks for. Throws `NotEnoughPeersError`. */
  allocate(pin: PinOptions, current: readonly PeerIdText[]): PeerIdText[] {
    return this.#allocate(pin, current, {
      alive: this.members(),
      isExcluded: (peer) => this.isRemoved(peer) || !this.#mayHold(peer),
    })
  }

  /**
   * For a pin that is there, which loses the holders that are gone: the others keep it, also those that do not answer at the
   * moment or that a new pin would not be given to. When all are gone and min leaves room, one of them stays too: what it has
   * may be the only copy, which it would unpin on its return before others could fetch it. Throws `NotEnoughPeersError`.
   */
  reallocate(pin: Pin, isGone: (peer: PeerIdText) => boolean): PeerIdText[] {
    const { replicationFactorMin: min, replicationFactorMax: max } = pin
    const kept = pin.allocations.filter((peer) => !isGone(peer))
    const given = this.#allocate(pin, kept, {
      alive: [...this.members(), ...kept],
      isExcluded: (peer) =>
        isGone(peer) || this.isRemoved(peer) || (!this.#mayHold(peer) && !kept.includes(peer)),
    })
    if (kept.length > 0 || min === max) return given
    // The last: it is the one that was kept, when those that were given the pin with it are gone as well.
    const returning = pin.allocations.findLast((peer) => !this.isAlive(peer) && !this.isRemoved(peer))
    return returning === undefined ? given : [...given.slice(0, max - 1), returning]
  }

  #mayHold(peer: PeerIdText): boolean {
    const { pinOnlyOn } = this.#init
    return pinOnlyOn === undefined || this.isTrusted(peer) === (pinOnlyOn === 'trusted')
  }

  #allocate(
    pin: PinOptions,
    current: readonly PeerIdText[],
    { alive, isExcluded }: { alive: readonly PeerIdText[]; isExcluded: (peer: PeerIdText) => boolean },
  ): PeerIdText[] {
    const { window, allocateBy } = this.#init
    const metrics = new Map(
      allocateBy.map((name) => [name, new Map(window.current(name).map((metric) => [metric.peer, metric]))]),
    )
    const offering = [...metrics.values()].flatMap((ofPeers) => [...ofPeers.keys()])
    return allocate({
      min: pin.replicationFactorMin,
      max: pin.replicationFactorMax,
      current,
      preferred: pin.userAllocations,
      excluded: new Set([...current, ...alive, ...offering].filter(isExcluded)),
      alive: new Set(alive),
      allocateBy,
      metrics,
      given: this.#given.counts(),
    })
  }

  /** Counts copies that were given out, so that the next do not pile up on the same peers before these show in metrics. */
  gave(peers: readonly PeerIdText[]): void {
    this.#given.add(peers)
  }

  #newestMetric(peer: PeerIdText): UnixNano | undefined {
    const { window, allocateBy } = this.#init
    let newest: UnixNano | undefined
    for (const name of allocateBy) {
      if (!window.holds(name, peer)) continue
      const receivedAt = window.latest(name, peer)?.receivedAt ?? 0n
      if (newest === undefined || receivedAt > newest) newest = receivedAt
    }
    return newest
  }

  /** Where blocks of an add go: to all members when every peer is to hold them. */
  destinations(pin: PinOptions): PeerIdText[] {
    const everywhere = pin.replicationFactorMin < 0 && pin.replicationFactorMax < 0
    return everywhere ? this.members() : this.allocate(pin, [])
  }
}
