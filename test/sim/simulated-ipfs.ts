/**
 * An IPFS node as the tracker sees it, on virtual time. Every call takes a while, may fail, hang or lose its answer, and has
 * its effect at one moment in between. The node is a process of its own: it outlives the peer beside it.
 */
import type { CID } from 'multiformats/cid'
import type {
  IpfsCallOptions,
  IpfsFailure,
  IpfsFailureReason,
  IpfsIdentity,
  IpfsPinOptions,
  IpfsPinProgress,
  IpfsPinState,
} from '../../core/runtime/ipfs.ts'
import type { TrackerIpfs } from '../../core/tracker/driver.ts'
import { short } from './content.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Milliseconds after which a call that hangs ends as unanswered. */
const callTimeout = 30_000

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

export interface PinnedEntry {
  cid: CID
  state: 'recursive' | 'direct'
  /** Somebody pinned it here before the cluster came. */
  foreign: boolean
}

export interface SimulatedIpfsInit {
  name: string
  time: VirtualTime
  random: SeededRandom
  trace: Trace
  /** Told before the pins of the node change; `to` undefined = unpinned. */
  onChanging(from: PinnedEntry | undefined, to: 'recursive' | 'direct' | undefined): void
  /** Content that no node has. */
  isMissing(cid: CID): boolean
}

export class SimulatedIpfs implements TrackerIpfs {
  conditions: IpfsConditions = calmIpfs
  /** Calls that run now. */
  readonly inFlight = { pin: 0, unpin: 0 }
  readonly #init: SimulatedIpfsInit
  readonly #pins = new Map<string, PinnedEntry>()

  constructor(init: SimulatedIpfsInit) {
    this.#init = init
  }

  /** What is pinned, seen from outside. */
  get pinned(): ReadonlyMap<string, PinnedEntry> {
    return this.#pins
  }

  /** Somebody else pins. */
  pinForeign(cid: CID): void {
    this.#pins.set(cid.toString(), { cid, state: 'recursive', foreign: true })
  }

  async id(options: IpfsCallOptions = {}): Promise<IpfsIdentity> {
    const id = `ipfs-of-${this.#init.name}`
    return this.#call(options.signal, () => ({ id, addresses: [] }))
  }

  async pinState(cid: CID, options: IpfsCallOptions = {}): Promise<IpfsPinState> {
    return this.#call(options.signal, () => this.#pins.get(cid.toString())?.state ?? 'unpinned')
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
    return this.#call(signal, () => {
      const before = this.#pins.get(cid.toString())
      if (before?.state !== 'recursive') this.#set(cid, before, mode)
      return { blocks, bytes: blocks * 1000 }
    })
  }

  unpin(cid: CID, { signal }: IpfsCallOptions = {}): Promise<void> {
    return this.#counted('unpin', cid, () =>
      this.#call(signal, () => {
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

  #set(cid: CID, before: PinnedEntry | undefined, to: 'recursive' | 'direct' | undefined): void {
    this.#init.onChanging(before, to)
    if (to === undefined) this.#pins.delete(cid.toString())
    else this.#pins.set(cid.toString(), { cid, state: to, foreign: before?.foreign ?? false })
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
