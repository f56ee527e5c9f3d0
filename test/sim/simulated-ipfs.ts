/**
 * An IPFS node as a peer sees it, on virtual time. Every call takes a while, may fail, hang or lose its answer, and has
 * its effect at one moment in between. The node is a process of its own: it outlives the peer beside it, and others use it
 * too.
 */
import type { CID } from 'multiformats/cid'
import type {
  Ipfs,
  IpfsCallOptions,
  IpfsFailure,
  IpfsFailureReason,
  IpfsIdentity,
  IpfsPinOptions,
  IpfsPinProgress,
  IpfsPinState,
  IpfsPinStateOptions,
  IpfsRepoStat,
} from '../../core/runtime/ipfs.ts'
import { short } from './content.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Milliseconds after which a call that hangs ends as unanswered. */
const callTimeout = 30_000

/** Rows of a listing that come at a time. */
const listedAtOnce = 20

/** The part of an IPFS node that peers of the simulator use. */
export type UsedIpfs = Pick<Ipfs, 'id' | 'pinState' | 'pin' | 'unpin' | 'pins' | 'repoStat'>

/** What the node is like at the moment; faults change it. */
export interface IpfsConditions {
  /** `hanging`: it takes calls and answers none. */
  state: 'up' | 'down' | 'hanging'
  /** Probability that a call ends with an error, without effect. */
  failure: number
  /** Probability that a call has its effect and the answer is lost. */
  lostAnswer: number
  /** Milliseconds that a step of a call takes. */
  pace: { from: number; to: number }
}

export const calmIpfs: IpfsConditions = { state: 'up', failure: 0, lostAnswer: 0, pace: { from: 1, to: 5 } }

export type PinnedState = 'recursive' | 'direct'

export interface PinnedEntry {
  cid: CID
  state: PinnedState
  /** Somebody pinned it here before the cluster came. */
  foreign: boolean
}

export interface SimulatedIpfsInit {
  /** Its identity. */
  id: string
  name: string
  time: VirtualTime
  random: SeededRandom
  trace: Trace
  /** Bytes that it may hold, as it says; it takes more all the same. */
  capacity: number
  sizeOf(cid: CID): number
  /** Content that no node has. */
  isMissing(cid: CID): boolean
  /** Told before the cluster changes what is pinned; `to` undefined = unpinned. */
  onChanging(from: PinnedEntry | undefined, to: PinnedState | undefined): void
}

export class SimulatedIpfs implements UsedIpfs {
  conditions: IpfsConditions = calmIpfs
  /** Calls that run now. */
  readonly inFlight = { pin: 0, unpin: 0 }
  readonly #init: SimulatedIpfsInit
  readonly #pins = new Map<string, PinnedEntry>()
  /** What the cluster was told to be pinned, since it was last unpinned by the cluster. */
  readonly #confirmed = new Map<string, PinnedState>()

  constructor(init: SimulatedIpfsInit) {
    this.#init = init
  }

  /** As `id` says it. */
  get identity(): string {
    return this.#init.id
  }

  /** What is pinned, seen from outside. */
  get pinned(): ReadonlyMap<string, PinnedEntry> {
    return this.#pins
  }

  /** What the peer beside it may say is pinned; an answer that was given may be out of date. */
  get confirmed(): ReadonlyMap<string, PinnedState> {
    return this.#confirmed
  }

  get isFull(): boolean {
    return this.#used() >= this.#init.capacity
  }

  /** Somebody else pins. */
  pinForeign(cid: CID): void {
    this.#pins.set(cid.toString(), { cid, state: 'recursive', foreign: true })
  }

  /** Somebody unpins behind the back of the cluster, or the node loses it. False when it was not pinned. */
  forget(cid: CID): boolean {
    return this.#pins.delete(cid.toString())
  }

  async id(options: IpfsCallOptions = {}): Promise<IpfsIdentity> {
    return this.#call(options.signal, () => ({ id: this.#init.id, addresses: [] }))
  }

  async pinState(cid: CID, { signal, recursiveOnly }: IpfsPinStateOptions = {}): Promise<IpfsPinState> {
    const state = await this.#call(signal, () => this.#pins.get(cid.toString())?.state)
    if (state === undefined || (recursiveOnly === true && state === 'direct')) return 'unpinned'
    this.#confirmed.set(cid.toString(), state)
    return state
  }

  /** Some at a time, each some time after the others, and in the order of nothing. */
  async *pins({ signal }: IpfsCallOptions = {}): AsyncGenerator<{ cid: CID; state: PinnedState }> {
    const rows = await this.#call(signal, () => [...this.#pins.values()])
    for (let at = 0; at < rows.length; at += listedAtOnce) {
      for (const { cid, state } of rows.slice(at, at + listedAtOnce)) yield { cid, state }
      await this.#call(signal, () => undefined)
    }
  }

  async repoStat({ signal }: IpfsCallOptions = {}): Promise<IpfsRepoStat> {
    return this.#call(signal, () => ({ size: this.#used(), max: this.#init.capacity }))
  }

  pin(cid: CID, options: IpfsPinOptions): Promise<IpfsPinProgress> {
    return this.#counted('pin', cid, () => this.#pin(cid, options))
  }

  async #pin(cid: CID, { mode, signal, stallTimeout, onProgress }: IpfsPinOptions): Promise<IpfsPinProgress> {
    if (this.#init.isMissing(cid)) {
      await this.#sleep(stallTimeout, signal)
      throw failure('stalled', `no block arrived for ${stallTimeout / 1000} s`)
    }
    const blocks = this.#init.random.between(1, 5)
    for (let arrived = 1; arrived <= blocks; arrived++) {
      await this.#sleep(this.#pace(), signal)
      onProgress?.({ blocks: arrived, bytes: arrived * 1000 })
    }
    const state = await this.#call(signal, () => {
      const before = this.#pins.get(cid.toString())
      if (before?.state !== 'recursive') this.#set(cid, before, mode)
      return this.#pins.get(cid.toString())?.state
    })
    if (state !== undefined) this.#confirmed.set(cid.toString(), state)
    return { blocks, bytes: blocks * 1000 }
  }

  unpin(cid: CID, { signal }: IpfsCallOptions = {}): Promise<void> {
    return this.#counted('unpin', cid, () =>
      this.#call(signal, () => {
        this.#confirmed.delete(cid.toString())
        const before = this.#pins.get(cid.toString())
        if (before !== undefined) this.#set(cid, before, undefined)
      }),
    )
  }

  async #counted<Value>(kind: 'pin' | 'unpin', cid: CID, call: () => Promise<Value>): Promise<Value> {
    const { trace, name } = this.#init
    this.inFlight[kind]++
    trace.note(name, `IPFS begins to ${kind} ${short(cid)}`)
    try {
      const value = await call()
      trace.note(name, `IPFS is done: ${kind} ${short(cid)}`)
      return value
    } catch (error) {
      trace.note(name, `IPFS gives up to ${kind} ${short(cid)}: ${(error as Error).message}`)
      throw error
    } finally {
      this.inFlight[kind]--
    }
  }

  #set(cid: CID, before: PinnedEntry | undefined, to: PinnedState | undefined): void {
    this.#init.onChanging(before, to)
    if (to === undefined) this.#pins.delete(cid.toString())
    else this.#pins.set(cid.toString(), { cid, state: to, foreign: before?.foreign ?? false })
  }

  #used(): number {
    let used = 0
    for (const { cid } of this.#pins.values()) used += this.#init.sizeOf(cid)
    return used
  }

  /** One call: on its way, its effect, and on its way back. */
  async #call<Value>(signal: AbortSignal | undefined, effect: () => Value): Promise<Value> {
    const { random } = this.#init
    await this.#sleep(this.#pace(), signal)
    const { state, failure: failing, lostAnswer } = this.conditions
    if (state === 'down') throw failure('unreachable', 'connection refused')
    if (state === 'hanging') {
      await this.#sleep(callTimeout, signal)
      throw failure('unreachable', `no answer within ${callTimeout / 1000} s`)
    }
    if (random.chance(failing)) throw failure('failed', 'the node has an error')
    const value = effect()
    await this.#sleep(this.#pace(), signal)
    if (random.chance(lostAnswer)) throw failure('unreachable', 'connection reset')
    return value
  }

  #pace(): number {
    const { from, to } = this.conditions.pace
    return this.#init.random.between(from, to)
  }

  /** Waits, unless the caller has enough of it. */
  #sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        timer.cancel()
        reject(failure('aborted', 'the caller has stopped it'))
      }
      const timer = this.#init.time.after(ms, () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      })
      if (signal?.aborted === true) abort()
      else signal?.addEventListener('abort', abort, { once: true })
    })
  }
}

function failure(reason: IpfsFailureReason, message: string): IpfsFailure {
  return Object.assign(new Error(message), { reason })
}
