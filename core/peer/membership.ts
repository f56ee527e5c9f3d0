/** Who is in the cluster, and who of them may be given content, by the newest metrics (`spec/behaviour.md` §2.1). */
import { allocate } from '../allocator/allocation.ts'
import type { Metric } from '../monitor/metric.ts'
import type { MetricWindow } from '../monitor/metric-window.ts'
import type { PeerIdText, Pin, PinOptions, UnixNano } from '../pin/pin.ts'

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
   * moment or that a new pin would not be given to. Throws `NotEnoughPeersError`.
   */
  reallocate(pin: Pin, isGone: (peer: PeerIdText) => boolean): PeerIdText[] {
    const kept = pin.allocations.filter((peer) => !isGone(peer))
    return this.#allocate(pin, kept, {
      alive: [...this.members(), ...kept],
      isExcluded: (peer) =>
        isGone(peer) || this.isRemoved(peer) || (!this.#mayHold(peer) && !kept.includes(peer)),
    })
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
