/**
 * The index of the embedded node: which blocks are here and where, small blocks themselves, and the pins. It is a SQLite
 * file; larger blocks are files beside it (`block-files.ts`), and `block-store.ts` keeps both together.
 *
 * Reads are synchronous, of a bounded number of rows, and see what was committed. Changes that come while a commit runs
 * share the next one; they are on disk when `commit` resolves.
 */
import { Database } from 'bun:sqlite'
import {
  type BlockRow,
  type IndexChange,
  type IndexCounters,
  type PinFlaw,
  type PinRow,
  pinFlaws,
  type TrashRow,
} from './index-changes.ts'
import { IndexLink } from './index-link.ts'

/** Changes that one commit takes; those with many blocks are made of fewer. */
const maxBatch = 1_000

interface Asked {
  change: IndexChange
  resolve(): void
  reject(error: unknown): void
}

export class BlockIndex implements AsyncDisposable {
  readonly #link: IndexLink
  readonly #reader: Database
  readonly #asked: Asked[] = []
  #counters: IndexCounters
  #committing: Promise<void> | undefined

  private constructor(link: IndexLink, reader: Database, counters: IndexCounters) {
    this.#link = link
    this.#reader = reader
    this.#counters = counters
  }

  /** Opens or makes the file. Rejects with `RepositoryError`. */
  static async open(file: string): Promise<BlockIndex> {
    const link = new IndexLink(file)
    try {
      const counters = await link.open()
      return new BlockIndex(link, new Database(file, { readonly: true }), counters)
    } catch (error) {
      await link[Symbol.asyncDispose]()
      throw error
    }
  }

  get counters(): Readonly<IndexCounters> {
    return this.#counters
  }

  /** Bytes of all blocks. */
  get bytes(): number {
    return this.#counters.bytes
  }

  /** Ids from this one on were never used. */
  get nextId(): number {
    return this.#counters.nextId
  }

  /** Whether parts of the file hold nothing. */
  get hasSlack(): boolean {
    return this.#counters.unusedPages > 0
  }

  /** Rejects with `StorageFullError`, or with what else went wrong; nothing of the change is made then. */
  commit(change: IndexChange): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#asked.push({ change, resolve, reject })
    this.#committing ??= this.#commitAll()
    return promise
  }

  find(multihash: Uint8Array): BlockRow | undefined {
    const row = this.#row<StoredBlock>('SELECT * FROM blocks WHERE multihash = ?', multihash)
    return row && blockRow(row)
  }

  small(id: number): Uint8Array | undefined {
    return this.#row<{ bytes: Uint8Array }>('SELECT bytes FROM small WHERE id = ?', id)?.bytes
  }

  /** Up to `limit` rows with ids above `after`, in order. */
  page(after: number, limit: number): BlockRow[] {
    const sql = 'SELECT * FROM blocks WHERE id > ? ORDER BY id LIMIT ?'
    return this.#rows<StoredBlock>(sql, after, limit).map(blockRow)
  }

  trash(limit: number): TrashRow[] {
    return this.#rows<TrashRow>('SELECT * FROM trash ORDER BY id LIMIT ?', limit)
  }

  pin(cid: Uint8Array): PinRow | undefined {
    const row = this.#row<StoredPin>('SELECT * FROM pins WHERE cid = ?', cid)
    return row && pinRow(row)
  }

  /** Up to `limit` pins with CIDs after `after`, in the order of their bytes. */
  pins(after: Uint8Array | undefined, limit: number): PinRow[] {
    const rows = after
      ? this.#rows<StoredPin>('SELECT * FROM pins WHERE cid > ? ORDER BY cid LIMIT ?', after, limit)
      : this.#rows<StoredPin>('SELECT * FROM pins ORDER BY cid LIMIT ?', limit)
    return rows.map(pinRow)
  }

  /** Up to `limit` pins with that flaw and CIDs after `after`, in the order of their bytes. */
  flawedPins(flaw: Exclude<PinFlaw, 'none'>, after: Uint8Array | undefined, limit: number): PinRow[] {
    // A CID has a byte at least.
    const sql = 'SELECT * FROM pins WHERE flaw > 0 AND flaw = ? AND cid > ? ORDER BY cid LIMIT ?'
    return this.#rows<StoredPin>(sql, pinFlaws.indexOf(flaw), after ?? new Uint8Array(0), limit).map(pinRow)
  }

  /** Rows of blocks in files with ids from `from` up to but not `to`. */
  filed(from: number, to: number): BlockRow[] {
    const sql = 'SELECT * FROM blocks WHERE id >= ? AND id < ? AND in_file = 1'
    return this.#rows<StoredBlock>(sql, from, to).map(blockRow)
  }

  isTrash(id: number): boolean {
    return this.#row('SELECT id FROM trash WHERE id = ?', id) !== undefined
  }

  /** Up to `limit` pins that were last announced before `before`, ms since the epoch; those never announced first. */
  pinsToAnnounce(before: number, now: number, limit: number): Uint8Array[] {
    const sql = 'SELECT cid FROM pins WHERE announced < ? ORDER BY announced LIMIT ?'
    const due = this.#rows<{ cid: Uint8Array }>(sql, before, limit)
    if (due.length === 0) {
      // The clock was set back: nobody knows when that was.
      const later = 'SELECT cid FROM pins WHERE announced > ? ORDER BY announced LIMIT ?'
      due.push(...this.#rows<{ cid: Uint8Array }>(later, now, limit))
    }
    return due.map((row) => row.cid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#committing
    // The writer is the last to close, so that it can leave one file behind instead of three.
    this.#reader.close()
    await this.#link[Symbol.asyncDispose]()
  }

  async #commitAll(): Promise<void> {
    // What is asked in one go is committed in one go.
    await undefined
    while (this.#asked.length > 0) {
      const batch = this.#asked.splice(0, maxBatch)
      try {
        this.#counters = await this.#link.commit(batch.map(({ change }) => change))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#committing = undefined
  }

  #row<Row>(sql: string, ...values: (Uint8Array | number)[]): Row | undefined {
    return (this.#reader.query(sql).get(...values) as Row | null) ?? undefined
  }

  #rows<Row>(sql: string, ...values: (Uint8Array | number)[]): Row[] {
    return this.#reader.query(sql).all(...values) as Row[]
  }
}

interface StoredBlock {
  id: number
  multihash: Uint8Array
  codec: number
  size: number
  leaf: number
  in_file: number
  fresh: number
}

interface StoredPin {
  cid: Uint8Array
  recursive: number
  blocks: number
  bytes: number
  proven: number
  flaw: number
}

function blockRow({ id, multihash, codec, size, leaf, in_file, fresh }: StoredBlock): BlockRow {
  return { id, multihash, codec, size, leaf: leaf === 1, inFile: in_file === 1, fresh }
}

function pinRow({ cid, recursive, blocks, bytes, proven, flaw }: StoredPin): PinRow {
  return { cid, mode: recursive === 1 ? 'recursive' : 'direct', blocks, bytes, proven, flaw: pinFlaws[flaw]! }
}
