/**
 * Catches up with peers that send whole histories (`sync/protocol.ts`): which of them is asked for which heads, when, and
 * what becomes of what they send. What they cannot give is followed block by block.
 */
import type { CID } from 'multiformats/cid'
import type { PeerIdText } from '../pin/pin.ts'
import type { Logger } from '../runtime/ports.ts'
import type { DagBlock, Store } from '../runtime/store.ts'
import type { History } from './history.ts'

export interface CatchUpInit {
  history: History
  store: Pick<Store, 'hasBlock' | 'merge'>
  logger: Logger
  /** Ends everything. */
  signal: AbortSignal
  /** Called before blocks are merged. */
  came(blocks: readonly DagBlock[], peer: PeerIdText): void
  /** The peer did not give these: they are to be had in another way. */
  giveUp(heads: readonly CID[], peer: PeerIdText): void
}

/** Peers that are asked at a time, as long as each has little to send. */
const maxSessions = 4
/** Blocks from which on a session is long: nobody else is asked before it ends, as others would send the same. */
const longSession = 1_000
/** Heads of one peer that wait for their turn; beyond, the oldest are left to the next announcement. */
const maxWaiting = 4_096
/** Peers whose heads wait. */
const maxWaitingPeers = 1_024
/** Blocks, and bytes of blocks, merged at once. */
const mergeBlocks = 1_000
const mergeBytes = 2 * 1024 * 1024

export class CatchUp {
  readonly #init: CatchUpInit
  readonly #waiting = new Map<PeerIdText, Waiting>()
  readonly #sessions = new Map<PeerIdText, { left: number; came: number }>()
  readonly #running = new Set<Promise<void>>()

  constructor(init: CatchUpInit) {
    this.#init = init
  }

  /** Blocks and heads that are known of and not merged. */
  get behind(): number {
    let count = 0
    for (const { heads } of this.#waiting.values()) count += heads.size
    for (const { left } of this.#sessions.values()) count += left
    return count
  }

  /** False when the peer is none to be asked. */
  announced(heads: readonly CID[], peer: PeerIdText): boolean {
    const waiting = this.#waitingOf(peer)
    if (waiting === undefined) return false
    for (const cid of heads) {
      const [oldest] = waiting.heads.keys()
      if (oldest !== undefined && waiting.heads.size >= maxWaiting) waiting.heads.delete(oldest)
      waiting.heads.set(cid.toString(), cid)
    }
    this.#begin()
    return true
  }

  /** Asks a peer for all that it has. */
  met(peer: PeerIdText): void {
    const waiting = this.#waitingOf(peer)
    if (waiting === undefined) return
    waiting.all = true
    this.#begin()
  }

  /** Resolves when nothing runs any more; the signal must have fired. */
  async ended(): Promise<void> {
    await Promise.all(this.#running)
  }

  #waitingOf(peer: PeerIdText): Waiting | undefined {
    const known = this.#waiting.get(peer)
    if (known !== undefined) return known
    if (!this.#init.history.speaks(peer) || this.#waiting.size >= maxWaitingPeers) return undefined
    const waiting: Waiting = { all: false, heads: new Map() }
    this.#waiting.set(peer, waiting)
    return waiting
  }

  /** Asks the peers whose heads wait, as many as may be asked now. */
  #begin(): void {
    for (const [peer, waiting] of this.#waiting) {
      if (this.#init.signal.aborted || this.#sessions.size >= maxSessions || this.#hasLongSession()) return
      if (this.#sessions.has(peer)) continue
      this.#waiting.delete(peer)
      const heads = [...waiting.heads.values()].filter((cid) => !this.#init.store.hasBlock(cid))
      if (heads.length === 0 && !waiting.all) continue
      const run = this.#session(peer, waiting.all ? [] : heads, heads).finally(() => {
        this.#running.delete(run)
        this.#sessions.delete(peer)
        this.#begin()
      })
      this.#running.add(run)
    }
  }

  #hasLongSession(): boolean {
    for (const { left, came } of this.#sessions.values()) if (left + came >= longSession) return true
    return false
  }

  /** `wanted`: none = all; `heads`: those that the peer announced. */
  async #session(peer: PeerIdText, wanted: readonly CID[], heads: readonly CID[]): Promise<void> {
    const { history, store, signal, logger, giveUp } = this.#init
    const session = { left: 0, came: 0 }
    this.#sessions.set(peer, session)
    const batch = new MergeBatch((blocks) => this.#merge(blocks, peer))
    let broken = false
    try {
      for await (const { blocks, left } of history.fetch(peer, wanted, signal)) {
        session.came += blocks.length
        session.left = left
        await batch.add(blocks)
      }
      await batch.flush()
    } catch (error) {
      if (signal.aborted) return
      broken = true
      // What came is good; the error of the merge itself, if it was one, is told below.
      await batch.flush().catch(() => undefined)
      logger.info('catching up with a peer broke off', { peer, merged: batch.merged, error: String(error) })
    }
    const missing = heads.filter((cid) => !store.hasBlock(cid))
    // What was merged need not be sent again: the same peer goes on from there.
    const goesOn = broken && batch.merged > 0
    if (goesOn && wanted.length === 0) this.met(peer)
    if (missing.length > 0 && !(goesOn && this.announced(missing, peer))) giveUp(missing, peer)
  }

  async #merge(blocks: DagBlock[], peer: PeerIdText): Promise<void> {
    this.#init.came(blocks, peer)
    await this.#init.store.merge(blocks)
  }
}

interface Waiting {
  /** All that the peer has is asked for. */
  all: boolean
  heads: Map<string, CID>
}

/** Merges what comes in larger pieces; while one is merged the next comes in. */
class MergeBatch {
  /** Blocks that are merged. */
  merged = 0
  readonly #merge: (blocks: DagBlock[]) => Promise<void>
  #blocks: DagBlock[] = []
  #bytes = 0
  #merging: Promise<void> = Promise.resolve()

  constructor(merge: (blocks: DagBlock[]) => Promise<void>) {
    this.#merge = merge
  }

  async add(blocks: readonly DagBlock[]): Promise<void> {
    for (const block of blocks) {
      this.#blocks.push(block)
      this.#bytes += block.bytes.length
    }
    if (this.#blocks.length < mergeBlocks && this.#bytes < mergeBytes) return
    await this.#merging
    this.#start()
  }

  /** Resolves when all is merged. */
  async flush(): Promise<void> {
    await this.#merging
    this.#start()
    await this.#merging
  }

  #start(): void {
    const blocks = this.#blocks
    if (blocks.length === 0) return
    this.#blocks = []
    this.#bytes = 0
    this.#merging = this.#merge(blocks).then(() => {
      this.merged += blocks.length
    })
    // Whoever waits for it next is told of a failure.
    this.#merging.catch(() => undefined)
  }
}
