/**
 * What a peer does unasked to keep its promises: expired pins are unpinned, pins of peers that are gone are given to
 * others, missing copies to peers that come, and what it wrote itself is withdrawn when it would undo an unpin. Pure: it
 * acts through the store and the members only.
 */
import type { PeerIdText, Pin } from '../pin/pin.ts'
import type { Logger, Runtime } from '../runtime/ports.ts'
import { Expiry } from './expiry.ts'
import { handOver } from './hand-over.ts'
import { Pace } from './pace.ts'
import type { UpkeepMembers, UpkeepSettings, UpkeepStore } from './ports.ts'
import { Presence } from './presence.ts'
import { Reallocation, type Tally } from './reallocation.ts'
import { Repinning } from './repinning.ts'
import { Responsibility } from './responsibility.ts'
import { Rounds } from './rounds.ts'
import { withdrawOrphans } from './withdrawal.ts'

/** Milliseconds between two looks at who is alive, at most; a short grace window has four of them. */
const watchInterval = 2_000

export interface UpkeepInit {
  self: PeerIdText
  store: UpkeepStore
  members: UpkeepMembers
  /** The pins that a sharded one is made of, read from IPFS. */
  partsOf: (meta: Pin, signal: AbortSignal) => Promise<Pin[]>
  settings: UpkeepSettings
  runtime: Runtime
}

export class Upkeep implements AsyncDisposable {
  readonly #init: UpkeepInit
  readonly #logger: Logger
  readonly #presence: Presence
  readonly #pace: Pace
  readonly #reallocation: Reallocation
  readonly #repinning: Repinning
  readonly #watching: Rounds
  readonly #working: Rounds
  readonly #expiring: Rounds
  readonly #withdrawing: Rounds
  /** As of the last look: the living, those of them that share the work, and these in their order. */
  #alive: readonly PeerIdText[] = []
  #sharing: readonly PeerIdText[] = []
  #sharers = new Responsibility([])

  constructor(init: UpkeepInit) {
    this.#init = init
    const { self, store, members, partsOf, settings, runtime } = init
    const { grace, rate, expiryTakeover } = settings
    this.#logger = runtime.logger.component('cluster')
    const step = Math.min(watchInterval, grace / 4)
    this.#presence = new Presence({ grace, longestStep: step * 3 })
    this.#pace = new Pace(rate, runtime)
    this.#reallocation = new Reallocation({ store, members })
    const shared = { self, store, sharers: () => this.#sharers, runtime }
    const expiry = new Expiry({ ...shared, partsOf, takeover: expiryTakeover })
    this.#repinning = new Repinning({
      ...shared,
      alive: () => this.#alive,
      isGone: (peer) => this.#isGone(peer),
      isRemoved: (peer) => members.isRemoved(peer),
      reallocation: this.#reallocation,
      pace: this.#pace,
      settings,
    })
    const rounds = (name: string, round: (signal: AbortSignal) => Promise<number>) =>
      new Rounds({ name, round, runtime: { ...runtime, logger: this.#logger } })
    this.#watching = rounds('the look at who is alive', async () => this.#watch(step))
    this.#working = rounds('re-pinning', (signal) => this.#repinning.round(signal))
    this.#expiring = rounds('unpinning what has expired', (signal) => expiry.round(signal))
    this.#withdrawing = rounds('withdrawing what was unpinned', () => withdrawOrphans(store))
  }

  start(): void {
    const { settings } = this.#init
    if (settings.isFollower) return
    this.#see()
    this.#watching.within(0)
    this.#expiring.within(0)
    this.#withdrawing.within(0)
  }

  /** An operator has removed a peer: what lacks copies without it is looked for at once. */
  removed(): void {
    this.#request(false)
  }

  /**
   * Gives all pins of `peer` to others, with or without re-pinning being on. `hurry`: without the rate. `tally` is added
   * to as it goes on. Rejects with the reason of `signal`.
   */
  handOver(
    peer: PeerIdText,
    options: { signal: AbortSignal; hurry: boolean; tally?: Tally },
  ): Promise<Tally> {
    const { store, runtime } = this.#init
    const { hurry, ...rest } = options
    const init = { store, isGone: this.#isGone.bind(this), reallocation: this.#reallocation, runtime }
    return handOver(peer, init, { ...rest, ...(!hurry && { pace: this.#pace }) })
  }

  /** One that is back is seen at once, also when the next look at who is alive is late: nothing more is taken from it. */
  #isGone(peer: PeerIdText): boolean {
    const { members } = this.#init
    return members.isRemoved(peer) || (this.#presence.isGone(peer) && !members.isAlive(peer))
  }

  #watch(step: number): number {
    const { runtime, settings } = this.#init
    this.#see()
    const { gone, come } = this.#presence.look(this.#alive, runtime.clock.monotonic())
    for (const peer of gone) {
      const action = settings.repinning
        ? 'its pins are given to others where they lack copies'
        : 'nothing is re-pinned'
      this.#logger.warn(`a peer is gone: ${action}`, { peer })
    }
    if (gone.length > 0) this.#request(false)
    if (come.length > 0) this.#request(true)
    return step
  }

  #see(): void {
    const { self, members } = this.#init
    this.#alive = members.members()
    const sharing = this.#alive.filter(
      (peer) => peer === self || (members.isTrusted(peer) && !members.isRemoved(peer)),
    )
    if (sharing.join() === this.#sharing.join()) return
    this.#sharing = sharing
    this.#sharers = new Responsibility(sharing)
  }

  #request(topUp: boolean): void {
    if (!this.#init.settings.repinning || this.#init.settings.isFollower) return
    this.#repinning.request({ topUp })
    this.#working.within(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const rounds = [this.#watching, this.#working, this.#expiring, this.#withdrawing]
    await Promise.all(rounds.map((each) => each[Symbol.asyncDispose]()))
  }
}
