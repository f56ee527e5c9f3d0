/**
 * Peers that are taken out of the cluster by an operator, and this one when it leaves: their pins go to others first. A
 * removed peer is given nothing any more; it may go on pinging, and nothing of it is erased (`spec/behaviour.md` §3.5).
 */
import { rpc } from '../network/rpc/methods.ts'
import type { PeerIdText } from '../pin/pin.ts'
import { Deadline } from '../runtime/deadline.ts'
import { pause } from '../runtime/pause.ts'
import type { Logger, Runtime } from '../runtime/ports.ts'
import { emptyTally, type Tally } from '../upkeep/reallocation.ts'
import type { Upkeep } from '../upkeep/upkeep.ts'
import { FollowerError, PinsStayError, UnknownPeerError } from './errors.ts'
import type { PeerCalls } from './peer-calls.ts'
import type { RemovedPeers } from './removed-peers.ts'

/** Milliseconds that another peer may take to note that one was removed. */
const tellTimeout = 10_000
/** Milliseconds that a peer which leaves gives its pins away before it stops. */
const leaveTimeout = 60_000
/** Milliseconds that it stays for the others to fetch what it wrote then. */
const farewell = 2_000

export interface RemovalInit {
  self: PeerIdText
  isFollower: boolean
  removed: RemovedPeers
  upkeep: Pick<Upkeep, 'handOver' | 'removed'>
  /** The other living members. */
  others: () => readonly PeerIdText[]
  /** True of one whose pings came within the last hour. */
  hasPinged: (peer: PeerIdText) => boolean
  calls: Pick<PeerCalls, 'call'>
  runtime: Runtime
}

export class Removal implements AsyncDisposable {
  readonly #init: RemovalInit
  readonly #logger: Logger
  readonly #closing = new AbortController()
  /** Hand-overs under way. */
  readonly #running = new Map<PeerIdText, Promise<Tally>>()

  constructor(init: RemovalInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('cluster')
  }

  /**
   * Takes a peer out and resolves when its pins are with others, which goes on also when nobody waits any more. Rejects with
   * `FollowerError`, with `UnknownPeerError` when there is no such peer, or with `PinsStayError` when there was nobody to take
   * all of them; the peer is out all the same.
   */
  async remove(peer: PeerIdText): Promise<void> {
    const { self, isFollower, removed, others, hasPinged, upkeep } = this.#init
    if (isFollower) throw new FollowerError()
    const isKnown = peer === self || removed.has(peer) || hasPinged(peer)
    if (!isKnown) await this.#expectPins(peer)
    await removed.add(peer)
    this.#logger.warn('a peer was removed: its pins go to others, and it is given none', { peer })
    const [{ unplaced, why }] = await Promise.all([
      this.#handOver(peer),
      ...others().map((other) => this.#tell(other, 'rmPeer', peer)),
    ])
    upkeep.removed()
    if (unplaced > 0) throw new PinsStayError(peer, unplaced, why)
  }

  /** A peer that has been away for long may hold pins still; one that holds none is a stranger, or misspelled. */
  async #expectPins(peer: PeerIdText): Promise<void> {
    const { moved, kept, unplaced, left } = await this.#handOver(peer)
    if (moved + kept + unplaced + left === 0) throw new UnknownPeerError(peer)
  }

  /** Takes a peer that was removed in again. */
  async readmit(peer: PeerIdText): Promise<void> {
    if (!(await this.#init.removed.delete(peer))) return
    this.#logger.info('a peer that was removed is taken in again', { peer })
    await Promise.all(this.#init.others().map((other) => this.#tell(other, 'addPeer', peer)))
  }

  /** Another peer says that an operator has removed one, or taken it in again. */
  async heard(peer: PeerIdText, isRemoved: boolean): Promise<void> {
    const { removed } = this.#init
    const isNew = isRemoved ? await removed.add(peer) : await removed.delete(peer)
    if (!isNew) return
    this.#logger.warn(
      `another peer says that an operator ${isRemoved ? 'removed a peer' : 'took a removed peer in again'}`,
      { peer },
    )
  }

  /** Gives the pins of this peer to others, as many as the time allows. */
  async leave(): Promise<void> {
    const { self, upkeep, runtime } = this.#init
    const late = () => new Error('the time to leave is over')
    using deadline = new Deadline(runtime.scheduler, leaveTimeout, { late })
    const tally = emptyTally()
    this.#logger.info('leaving: the pins of this peer are given to others before it stops')
    try {
      await upkeep.handOver(self, { signal: deadline.signal, hurry: true, tally })
      if (tally.moved === 0) return
      await pause(runtime.scheduler, farewell, deadline.signal)
      deadline.signal.throwIfAborted()
    } catch (error) {
      const { moved } = tally
      this.#logger.warn('stopped before all pins were with others; those left stay allocated to this peer', {
        moved,
        error: String(error),
      })
    }
  }

  #handOver(peer: PeerIdText): Promise<Tally> {
    const running = this.#running.get(peer)
    if (running !== undefined) return running
    const run = this.#init.upkeep
      .handOver(peer, { signal: this.#closing.signal, hurry: false })
      .finally(() => this.#running.delete(peer))
    this.#running.set(peer, run)
    return run
  }

  /** A peer of the original refuses: it has no such list with this consensus. */
  async #tell(other: PeerIdText, what: 'rmPeer' | 'addPeer', peer: PeerIdText): Promise<void> {
    try {
      await this.#init.calls.call(other, rpc[what], peer, {
        timeout: tellTimeout,
        signal: this.#closing.signal,
      })
    } catch (error) {
      this.#logger.debug('a peer did not take note of a removal', { peer: other, error: String(error) })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the peer is stopping'))
    await Promise.allSettled(this.#running.values())
  }
}
