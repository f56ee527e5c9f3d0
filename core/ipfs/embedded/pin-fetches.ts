/** Fetches what a pin lacks, and says of a block that does not come where it belongs and what came of looking for it. */
import type { CID } from 'multiformats/cid'
import type { BlockSession } from './block-source.ts'
import type { BlockStore } from './blocks/block-store.ts'
import type { BlockPlace, BlockWriter } from './blocks/block-writer.ts'
import { placeOfBlock, type WayStep } from './dag/place-of-block.ts'
import { BlockNotHereError, StalledError } from './errors.ts'

interface Lacking {
  cid: CID
  above: WayStep | undefined
}

export class PinFetches {
  readonly #store: BlockStore
  readonly #writer: BlockWriter
  readonly #session: BlockSession
  /** In the order in which they were first asked for. */
  readonly #lacking = new Set<Lacking>()

  constructor(store: BlockStore, writer: BlockWriter, session: BlockSession) {
    this.#store = store
    this.#writer = writer
    this.#session = session
  }

  async fetch(cid: CID, signal: AbortSignal, above: WayStep | undefined): Promise<BlockPlace> {
    const lacking = { cid, above }
    this.#lacking.add(lacking)
    const { bytes, from } = await this.#session.fetch(cid, signal)
    await this.#writer.put(cid, bytes, from)
    // What failed stays, for `explain`.
    this.#lacking.delete(lacking)
    return this.#writer.meet(cid)!
  }

  /** The error that a pin ends with, given the one that ended its walk. */
  async explain(error: unknown): Promise<unknown> {
    if (error instanceof BlockNotHereError) {
      const place = await this.#placeOf([...this.#lacking].find(({ cid }) => cid.equals(error.cid)))
      return new BlockNotHereError(error.cid, error.why, place)
    }
    const [lacking] = this.#lacking
    if (!(error instanceof StalledError) || lacking === undefined) return error
    const place = await this.#placeOf(lacking)
    const missing = `block ${lacking.cid}${place} is missing (${this.#session.outcome()})`
    return new StalledError(error.progress, missing)
  }

  async #placeOf(lacking: Lacking | undefined): Promise<string> {
    if (lacking?.above === undefined) return ''
    const path = await placeOfBlock(lacking.cid, lacking.above, (cid) => this.#store.get(cid))
    return `, which belongs at ${path},`
  }
}
