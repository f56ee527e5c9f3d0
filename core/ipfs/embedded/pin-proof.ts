/**
 * Whether pins are whole, after a stored block was found missing or damaged (`IpfsPinProof` of the contract). All pins are
 * looked at in one pass, with two bits of memory a block: inner nodes are read, leaves are looked up in the index. A pin
 * that somebody suspects has each of its blocks read. Nothing is fetched here: that is the work of `pin`.
 */
import { CID } from 'multiformats/cid'
import { messageOf } from '../../error-text.ts'
import type { IpfsPinDoubt, IpfsPinProof } from '../../runtime/ipfs.ts'
import type { Runtime, Timer } from '../../runtime/ports.ts'
import type { BlockStore } from './blocks/block-store.ts'
import type { BlockPlace } from './blocks/block-writer.ts'
import type { PinRow } from './blocks/index-changes.ts'
import { DagWalk } from './dag/dag-walk.ts'
import { BlockNotHereError } from './errors.ts'
import { nextTurn } from './turns.ts'

const pageSize = 1_000
/** Pins looked at between two turns of the event loop. */
const pinsPerTurn = 32
/** Nodes that are read at the same time. */
const concurrency = 8
/** Milliseconds until a look that failed is begun again. */
const retryDelay = 60_000

export class PinProof implements IpfsPinProof {
  readonly #store: BlockStore
  readonly #runtime: Runtime
  #onIncomplete: ((cid: CID) => void) | undefined
  #closing = new AbortController()
  #running: Promise<void> | undefined
  #timer: Timer | undefined
  /** Something came to be in doubt since the last look. */
  #hasNews = false
  /** How far the pass under way has come: pins up to this one were looked at, as of that doubt. */
  #passed: { doubt: number; last: Uint8Array } | undefined

  constructor(store: BlockStore, runtime: Runtime) {
    this.#store = store
    this.#runtime = runtime
  }

  doubt(cid: CID): IpfsPinDoubt | undefined {
    const { index } = this.#store
    const { doubt, proven, hasFlaws } = index.counters
    if (doubt <= proven && !hasFlaws) return undefined
    const row = index.pin(cid.bytes)
    if (row?.flaw === 'incomplete') return 'incomplete'
    return row !== undefined && this.#isInDoubt(row) ? 'in-doubt' : undefined
  }

  async suspect(cid: CID): Promise<void> {
    const row = this.#store.index.pin(cid.bytes)
    if (row === undefined || row.flaw === 'incomplete') return
    await this.#store.index.commit({ kind: 'flaw', cid: cid.bytes, flaw: 'suspect', proven: row.proven })
    this.wake()
  }

  /** Whether the pin is whole, looking through it when that is in doubt. Rejects with the reason of the signal. */
  async isWhole(row: PinRow, signal: AbortSignal): Promise<boolean> {
    if (row.flaw === 'incomplete') return false
    return !this.#isInDoubt(row) || (await this.#settle(row, signal))
  }

  watch(onIncomplete: (cid: CID) => void): AsyncDisposable {
    this.#closing = new AbortController()
    this.#onIncomplete = onIncomplete
    this.#running = this.#work(true)
    return {
      [Symbol.asyncDispose]: async () => {
        this.#closing.abort(new Error('the watch over the pins has ended'))
        this.#onIncomplete = undefined
        this.#timer?.cancel()
        await this.#running
      },
    }
  }

  /** Something is in doubt. */
  wake(): void {
    this.#hasNews = true
    if (this.#onIncomplete === undefined || this.#running !== undefined) return
    this.#timer?.cancel()
    this.#running = this.#work()
  }

  #isInDoubt({ cid, flaw, proven: ofPin }: PinRow): boolean {
    const { doubt, proven } = this.#store.index.counters
    if (flaw === 'suspect') return true
    if (Math.max(proven, ofPin) >= doubt) return false
    const passed = this.#passed
    return passed?.doubt !== doubt || Buffer.compare(cid, passed.last) > 0
  }

  async #tellKnown(): Promise<void> {
    for (let after: Uint8Array | undefined; ; ) {
      const rows = this.#store.index.flawedPins('incomplete', after, pageSize)
      for (const { cid } of rows) this.#onIncomplete?.(CID.decode(cid))
      after = rows.at(-1)?.cid
      if (after === undefined) return
      await nextTurn()
    }
  }

  async #work(tellKnown = false): Promise<void> {
    const { signal } = this.#closing
    try {
      if (tellKnown) await this.#tellKnown()
      do {
        this.#hasNews = false
        // Each look may find another block lost, and then begins again.
        while (!signal.aborted && ((await this.#lookAtSuspects()) || (await this.#pass()))) await nextTurn()
      } while (this.#hasNews && !signal.aborted)
    } catch (error) {
      if (signal.aborted) return
      this.#runtime.logger.error(
        'whether pins are whole could not be looked at; it is tried again in a minute',
        {
          error: messageOf(error),
        },
      )
      this.#timer = this.#runtime.scheduler.after(retryDelay, () => this.wake())
    } finally {
      this.#running = undefined
    }
  }

  /** False when there were none. */
  async #lookAtSuspects(): Promise<boolean> {
    const rows = this.#store.index.flawedPins('suspect', undefined, pageSize)
    for (const row of rows) {
      const latest = this.#store.index.pin(row.cid)
      if (latest?.flaw === 'suspect') await this.#settle(latest, this.#closing.signal)
    }
    return rows.length > 0
  }

  /** Looks at all pins. False when there was no need to. */
  async #pass(): Promise<boolean> {
    const { index } = this.#store
    const { doubt, proven } = index.counters
    if (doubt <= proven) return false
    const { logger } = this.#runtime
    logger.info('pins are looked through: a stored block was lost', {})
    let walk = this.#walk(this.#closing.signal)
    const found = { pins: 0, incomplete: 0 }
    for (let after: Uint8Array | undefined; ; ) {
      const rows = index.pins(after, pageSize)
      for (const row of rows) {
        // It begins again.
        if (index.counters.doubt !== doubt) return true
        if (++found.pins % pinsPerTurn === 0) await nextTurn()
        if (row.flaw !== 'none' || row.proven >= doubt) continue
        if (!(await this.#reaches(row, walk))) {
          found.incomplete++
          // What was visited of a pin that lacks a block must not vouch for another pin.
          walk = this.#walk(this.#closing.signal)
          await this.#setFlaw(row, 'incomplete', row.proven)
        }
        if (index.counters.doubt === doubt) this.#passed = { doubt, last: row.cid }
      }
      after = rows.at(-1)?.cid
      if (after === undefined) break
    }
    if (index.counters.doubt === doubt) {
      await index.commit({ kind: 'proven', doubt })
      logger.info('pins were looked through', found)
    }
    return true
  }

  /** Looks through one pin, and writes down what it finds. */
  async #settle(row: PinRow, signal: AbortSignal): Promise<boolean> {
    const { doubt } = this.#store.index.counters
    const isWhole = await this.#reaches(row, this.#walk(signal, row.flaw === 'suspect'))
    if (!isWhole) await this.#setFlaw(row, 'incomplete', row.proven)
    else await this.#setFlaw(row, 'none', doubt)
    return isWhole
  }

  async #setFlaw({ cid }: PinRow, flaw: 'none' | 'incomplete', proven: number): Promise<void> {
    await this.#store.index.commit({ kind: 'flaw', cid, flaw, proven })
    if (flaw === 'none' || this.#store.index.pin(cid) === undefined) return
    this.#runtime.logger.warn('a pin lacks blocks that were here; it is fetched again', {
      cid: String(CID.decode(cid)),
    })
    this.#onIncomplete?.(CID.decode(cid))
  }

  /** False when a block is not here, or a node of it cannot be read. Rejects when the walk is stopped or the disk fails. */
  async #reaches({ cid: bytes, mode }: PinRow, walk: DagWalk): Promise<boolean> {
    const cid = CID.decode(bytes)
    if (mode === 'direct') return (await this.#store.get(cid)) !== undefined
    try {
      await walk.run(cid)
      return true
    } catch (error) {
      const { name } = error as Error
      if (name === 'BlockNotHereError' || name === 'UnreadableNodeError') return false
      throw error
    }
  }

  /** `thorough`: reads leaves too. */
  #walk(signal: AbortSignal, thorough = false): DagWalk {
    const store = this.#store
    const locate = (cid: CID) => store.locate(cid)
    const visitedOnly = (cid: CID) => {
      const place = store.locate(cid)
      return place !== undefined && walk.visited.has(place.id) ? place : undefined
    }
    const obtain = async (cid: CID): Promise<BlockPlace> => {
      const isHere = thorough && (await store.get(cid)) !== undefined
      const place = isHere ? store.locate(cid) : undefined
      if (place === undefined) throw new BlockNotHereError(cid)
      return place
    }
    const read = (cid: CID) => store.get(cid)
    const walk = new DagWalk({ concurrency, signal, locate: thorough ? visitedOnly : locate, obtain, read })
    return walk
  }
}
