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
  IpfsPinDoubt,
  IpfsPinOptions,
  IpfsPinProgress,
  IpfsPinProof,
  IpfsPinState,
  IpfsPinStateOptions,
  IpfsRepoStat,
} from '../../core/runtime/ipfs.ts'
import { short } from './content.ts'
import type { SeededRandom } from './seeded-random.ts'
import { type BlockName, blocksOf, SimulatedBlocks } from './simulated-blocks.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Milliseconds after which a call that hangs ends as unanswered. */
const callTimeout = 30_000

/** Milliseconds that a look at one pin in doubt takes. */
const lookTime = 20

/** Rows of a listing that come at a time. */
const listedAtOnce = 20

/** The part of an IPFS node that peers of the simulator use. */
export type UsedIpfs = Pick<Ipfs, 'id' | 'pinState' | 'pin' | 'unpin' | 'pins' | 'repoStat' | 'proof'>

/** The index of a node as it was at some time. */
export interface IndexCopy {
  blocks: SimulatedBlocks
  pins: ReadonlyMap<string, PinnedEntry>
  incomplete: ReadonlySet<string>
}

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
  /** Whose it is was lost with the index or with its blocks: the cluster may unpin it, and may leave it. */
  unclaimed?: boolean
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

export class SimulatedIpfs implements UsedIpfs, IpfsPinProof {
  conditions: IpfsConditions = calmIpfs
  /** Calls that run now. */
  readonly inFlight = { pin: 0, unpin: 0 }
  readonly #init: SimulatedIpfsInit
  readonly #pins = new Map<string, PinnedEntry>()
  /** What the cluster was told to be pinned, since it was last unpinned by the cluster. */
  readonly #confirmed = new Map<string, PinnedState>()
  readonly #blocks = new SimulatedBlocks()
  /** Pins of which it is not known whether they are whole. */
  readonly #inDoubt = new Set<string>()
  readonly #incomplete = new Set<string>()
  /** Pins that somebody else removed. */
  readonly #forgotten = new Set<string>()
  #onIncomplete: ((cid: CID) => void) | undefined
  /** Indexes so far; each is another repository. */
  #indexes = 0
  #isLooking = false

  constructor(init: SimulatedIpfsInit) {
    this.#init = init
  }

  /** As a peer knows it when `id` has told it. */
  get identity(): string {
    return this.#indexes === 0 ? this.#init.id : `${this.#init.id}/${this.#repository}`
  }

  get proof(): IpfsPinProof {
    return this
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

  /** Whether no block of it is known to be lost. Of what others have unpinned here nothing is promised until a peer finds out. */
  isReadable(cid: CID): boolean {
    return this.#forgotten.has(cid.toString()) || this.#blocks.isWhole(cid)
  }

  doubt(cid: CID): IpfsPinDoubt | undefined {
    const key = cid.toString()
    if (this.#incomplete.has(key)) return 'incomplete'
    return this.#inDoubt.has(key) ? 'in-doubt' : undefined
  }

  async suspect(cid: CID): Promise<void> {
    // Without damage there is nothing to find.
    if (!this.#blocks.hasUnsound || this.doubt(cid) !== undefined || !this.#pins.has(cid.toString())) return
    this.#inDoubt.add(cid.toString())
    for (const name of blocksOf(cid)) this.read(name)
    this.#lookLater()
  }

  watch(onIncomplete: (cid: CID) => void): AsyncDisposable {
    this.#onIncomplete = onIncomplete
    for (const key of this.#incomplete) onIncomplete(this.#pins.get(key)!.cid)
    this.#lookLater()
    return {
      [Symbol.asyncDispose]: async () => {
        if (this.#onIncomplete === onIncomplete) this.#onIncomplete = undefined
      },
    }
  }

  /** A block of a pin goes bad on the disk, and nobody knows yet. Undefined when there is none. */
  damageBlock(random: SeededRandom): BlockName | undefined {
    const pins = random.shuffled([...this.#pins.values()])
    const names = pins.flatMap(({ cid }) => random.shuffled(blocksOf(cid)))
    return names.find((name) => this.#blocks.damage(name))
  }

  /** Somebody reads a block, through the gateway or as another node. */
  read(name: BlockName): void {
    if (this.#blocks.read(name)) return
    this.#init.trace.note(this.#init.name, `IPFS finds a block lost: ${name}`)
    for (const key of this.#pins.keys()) if (!this.#incomplete.has(key)) this.#inDoubt.add(key)
    this.#lookLater()
  }

  copyIndex(): IndexCopy {
    return { blocks: this.#blocks.copy(), pins: new Map(this.#pins), incomplete: new Set(this.#incomplete) }
  }

  /** While the node is stopped its index is lost, or gives way to one of a backup. */
  replaceIndex(copy?: IndexCopy): void {
    this.#indexes++
    this.#blocks.reindex(copy?.blocks)
    this.#pins.clear()
    this.#inDoubt.clear()
    this.#incomplete.clear()
    this.#forgotten.clear()
    this.#confirmed.clear()
    // Whose they are is not known any more.
    for (const [key, entry] of copy?.pins ?? []) this.#pins.set(key, { ...entry, unclaimed: true })
    for (const key of this.#pins.keys()) this.#inDoubt.add(key)
    for (const key of copy?.incomplete ?? []) this.#markIncomplete(this.#pins.get(key)!.cid)
  }

  /** Somebody else pins. */
  pinForeign(cid: CID): void {
    this.#blocks.fetch(cid)
    this.#pins.set(cid.toString(), { cid, state: 'recursive', foreign: true })
  }

  /** Somebody unpins behind the back of the cluster, or the node loses it. False when it was not pinned. */
  forget(cid: CID): boolean {
    this.#settled(cid)
    this.#forgotten.add(cid.toString())
    return this.#pins.delete(cid.toString())
  }

  async id(options: IpfsCallOptions = {}): Promise<IpfsIdentity> {
    return this.#call(options.signal, () => ({
      id: this.#init.id,
      addresses: [],
      ...(this.#indexes === 0 ? {} : { repository: this.#repository }),
    }))
  }

  async pinState(cid: CID, { signal, recursiveOnly }: IpfsPinStateOptions = {}): Promise<IpfsPinState> {
    const state = await this.#call(signal, () => {
      this.#settle(cid)
      return this.#incomplete.has(cid.toString()) ? undefined : this.#pins.get(cid.toString())?.state
    })
    if (state === undefined || (recursiveOnly === true && state === 'direct')) return 'unpinned'
    this.#confirmed.set(cid.toString(), state)
    return state
  }

  /** Some at a time, each some time after the others, and in the order of nothing. */
  async *pins({ signal }: IpfsCallOptions = {}): AsyncGenerator<{ cid: CID; state: PinnedState }> {
    const rows = await this.#call(signal, () =>
      [...this.#pins.values()].filter(({ cid }) => !this.#incomplete.has(cid.toString())),
    )
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
      this.#blocks.fetch(cid)
      this.#settled(cid)
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
        this.#settled(cid)
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

  get #repository(): string {
    return `index ${this.#indexes}`
  }

  /** Looks through the pins in doubt after a while. */
  #lookLater(): void {
    if (this.#inDoubt.size === 0 || this.#isLooking) return
    this.#isLooking = true
    this.#init.time.after(lookTime * this.#inDoubt.size, () => {
      this.#isLooking = false
      for (const key of [...this.#inDoubt]) this.#settle(this.#pins.get(key)!.cid)
    })
  }

  /** Looks through one pin that is in doubt. */
  #settle(cid: CID): void {
    if (!this.#inDoubt.delete(cid.toString()) || this.#blocks.isWhole(cid)) return
    this.#markIncomplete(cid)
    this.#onIncomplete?.(cid)
  }

  #markIncomplete(cid: CID): void {
    this.#inDoubt.delete(cid.toString())
    this.#incomplete.add(cid.toString())
    const entry = this.#pins.get(cid.toString())!
    this.#pins.set(cid.toString(), {
      ...entry,
      foreign: false,
      unclaimed: entry.foreign || entry.unclaimed === true,
    })
  }

  /** It is whole, or not pinned any more. */
  #settled(cid: CID): void {
    this.#forgotten.delete(cid.toString())
    this.#inDoubt.delete(cid.toString())
    this.#incomplete.delete(cid.toString())
  }

  #used(): number {
    let used = 0
    for (const { cid } of this.#pins.values()) used += this.#init.sizeOf(cid)
    return used
  }

  /** One call: on its way, its effect, and on its way back. */
  async #call<Value>(signal: AbortSignal | undefined, effect: () => Value): Promise<Value> {
    const { random } = this.#init
    const indexes = this.#indexes
    await this.#sleep(this.#pace(), signal)
    // The node was stopped meanwhile.
    if (indexes !== this.#indexes) throw failure('unreachable', 'connection reset')
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
