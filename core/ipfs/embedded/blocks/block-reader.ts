/** Reads blocks, local ones or from the network; those are kept until the next garbage collection. */
import type { CID } from 'multiformats/cid'
import { StorageFullError } from '../errors.ts'
import type { BlockSource } from '../pinner.ts'
import { Turns } from '../turns.ts'
import type { BlockStore } from './block-store.ts'

export class BlockReader {
  readonly #store: BlockStore
  readonly #source: BlockSource
  /** Small blocks that are here are read without waiting: their readers must pause all the same. */
  readonly #turns = new Turns()

  constructor(store: BlockStore, source: BlockSource) {
    this.#store = store
    this.#source = source
  }

  /** Rejects with the reason of the signal, also for blocks that are here, and with what the source rejects with. */
  async read(cid: CID, signal: AbortSignal): Promise<Uint8Array> {
    signal.throwIfAborted()
    const local = await this.#store.get(cid)
    if (local !== undefined) {
      await this.#turns.spendBytes(local.length)
      return local
    }
    using session = this.#source.session([])
    const { bytes, from } = await session.fetch(cid, signal)
    await this.#store.writer({ fresh: false }).put(cid, bytes, from).catch(unlessFull)
    return bytes
  }

  has(cid: CID): boolean {
    return this.#store.has(cid)
  }

  idOf(cid: CID): number | undefined {
    return this.#store.locate(cid)?.id
  }
}

/** What cannot be kept can be read all the same. */
function unlessFull(error: unknown): void {
  if (!(error instanceof StorageFullError)) throw error
}
