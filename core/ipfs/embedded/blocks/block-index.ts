/**
 * The SQLite file of the embedded node: which blocks are here and where, small blocks themselves, and the pins. Larger
 * blocks are files beside it (`block-files.ts`); `block-store.ts` keeps both together.
 *
 * Calls are synchronous and touch a bounded number of rows. A commit is atomic at once and survives the process;
 * `sync()` makes it survive the machine. It syncs the write-ahead log from a thread of the pool, so that the event loop
 * never waits for the disk. (SQLite in WAL mode with `synchronous=NORMAL` writes a commit to that file in full and leaves
 * only its sync to us; checkpoints sync both files by themselves.)
 */
import { Database, type Statement } from 'bun:sqlite'
import { open } from 'node:fs/promises'
import { RepositoryError } from '../errors.ts'

/** Milliseconds since the epoch at which a block was put without a pin, and 0 for all others. See `collection.ts`. */
export type FreshSince = number

export interface BlockRow {
  /** Never used again, and growing: a block that came later has a larger one. */
  id: number
  multihash: Uint8Array
  /** Multicodec code of the CID that it came with. */
  codec: number
  size: number
  /** Read as dag-pb it has no links. */
  leaf: boolean
  /** The bytes are in the file; otherwise in the table `small`. */
  inFile: boolean
  fresh: FreshSince
}

export interface NewBlock extends BlockRow {
  /** For a block that is not in a file. */
  bytes?: Uint8Array
}

export interface PinRow {
  /** Bytes of the CID. */
  cid: Uint8Array
  mode: 'recursive' | 'direct'
  blocks: number
  bytes: number
}

/** A file that no row names any more. */
export interface TrashRow {
  id: number
  multihash: Uint8Array
}

const schemaVersion = 1

const schema = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE blocks (
    id INTEGER PRIMARY KEY,
    multihash BLOB NOT NULL UNIQUE,
    codec INTEGER NOT NULL,
    size INTEGER NOT NULL,
    leaf INTEGER NOT NULL,
    in_file INTEGER NOT NULL,
    fresh INTEGER NOT NULL
  );
  CREATE TABLE small (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
  CREATE TABLE trash (id INTEGER PRIMARY KEY, multihash BLOB NOT NULL);
  CREATE TABLE pins (
    cid BLOB PRIMARY KEY,
    recursive INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    announced INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE INDEX pins_announced ON pins (announced);
  INSERT INTO meta VALUES ('schema', ${schemaVersion}), ('next_id', 1), ('bytes', 0), ('blocks', 0);
`

export class BlockIndex implements Disposable {
  readonly #database: Database
  readonly #file: string
  /** One sync serves all who wait when it begins. */
  #syncing: Promise<void> | undefined
  #syncNext: Promise<void> | undefined
  #bytes: number
  #blocks: number
  #nextId: number

  private constructor(database: Database, file: string) {
    this.#database = database
    this.#file = file
    this.#bytes = this.#meta('bytes')
    this.#blocks = this.#meta('blocks')
    this.#nextId = this.#meta('next_id')
  }

  /** Opens or makes the file. Throws `RepositoryError` when it is of a newer program or not sound. */
  static open(file: string): BlockIndex {
    let database: Database | undefined
    try {
      database = new Database(file, { create: true, strict: true })
      // Held until it is closed, so that no second process has the same folder.
      database.run('PRAGMA locking_mode = EXCLUSIVE')
      database.run('PRAGMA auto_vacuum = INCREMENTAL')
      database.run('PRAGMA journal_mode = WAL')
      database.run('PRAGMA synchronous = NORMAL')
      database.run(`PRAGMA cache_size = -${cacheKibibytes}`)
      const found = database.query("SELECT name FROM sqlite_master WHERE name = 'meta'").get()
      if (found === null) database.transaction(() => database!.run(schema)).immediate()
      const index = new BlockIndex(database, file)
      const version = index.#meta('schema')
      if (version !== schemaVersion) {
        throw new RepositoryError(
          `${file} has version ${version}, this program knows ${schemaVersion}: use the newer program`,
        )
      }
      return index
    } catch (error) {
      database?.close()
      if (error instanceof RepositoryError) throw error
      throw openError(file, error)
    }
  }

  /** Bytes of all blocks. */
  get bytes(): number {
    return this.#bytes
  }

  get blocks(): number {
    return this.#blocks
  }

  /** The id of the next block. Ids below the stored one may be in use, those from it on are not. */
  get nextId(): number {
    return this.#nextId
  }

  /** Bytes of the SQLite file that hold nothing. */
  get slack(): number {
    const { freelist_count: pages } = this.#row<{ freelist_count: number }>('PRAGMA freelist_count')!
    const { page_size: size } = this.#row<{ page_size: number }>('PRAGMA page_size')!
    return pages * size
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
    return this.#rows<StoredBlock>('SELECT * FROM blocks WHERE id > ? ORDER BY id LIMIT ?', after, limit).map(
      blockRow,
    )
  }

  /** Adds blocks that are not here yet and sets how fresh others are, in one commit. */
  add(blocks: readonly NewBlock[], refreshed: readonly { id: number; fresh: FreshSince }[]): void {
    this.#transaction(() => {
      let { bytes, blocks: count, nextId } = this.#counters()
      for (const block of blocks) {
        this.#statement('INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)').run(
          block.id,
          block.multihash,
          block.codec,
          block.size,
          Number(block.leaf),
          Number(block.inFile),
          block.fresh,
        )
        if (block.bytes !== undefined)
          this.#statement('INSERT INTO small VALUES (?, ?)').run(block.id, block.bytes)
        bytes += block.size
        count++
        nextId = Math.max(nextId, block.id + 1)
      }
      for (const { id, fresh } of refreshed) {
        this.#statement('UPDATE blocks SET fresh = ? WHERE id = ?').run(fresh, id)
      }
      return { bytes, blocks: count, nextId }
    })
  }

  /** Removes rows. Blocks in files become trash, to be removed with `emptied` once this is synced. */
  remove(rows: readonly BlockRow[]): void {
    this.#transaction(() => {
      let { bytes, blocks: count, nextId } = this.#counters()
      for (const row of rows) {
        if (this.#statement('DELETE FROM blocks WHERE id = ?').run(row.id).changes === 0) continue
        if (row.inFile)
          this.#statement('INSERT OR IGNORE INTO trash VALUES (?, ?)').run(row.id, row.multihash)
        else this.#statement('DELETE FROM small WHERE id = ?').run(row.id)
        bytes -= row.size
        count--
      }
      return { bytes, blocks: count, nextId }
    })
  }

  trash(limit: number): TrashRow[] {
    return this.#rows<TrashRow>('SELECT * FROM trash ORDER BY id LIMIT ?', limit)
  }

  emptied(rows: readonly TrashRow[]): void {
    this.#transaction(() => {
      for (const row of rows) this.#statement('DELETE FROM trash WHERE id = ?').run(row.id)
      return this.#counters()
    })
  }

  /** Gives up to `pages` unused pages of the file back to the disk; returns false when there are none left. */
  shrink(pages: number): boolean {
    this.#database.run(`PRAGMA incremental_vacuum(${pages})`)
    return this.slack > 0
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

  setPin(pin: PinRow): void {
    this.#statement(
      `INSERT INTO pins (cid, recursive, blocks, bytes) VALUES (?, ?, ?, ?) ON CONFLICT (cid)
       DO UPDATE SET recursive = excluded.recursive, blocks = excluded.blocks, bytes = excluded.bytes`,
    ).run(pin.cid, Number(pin.mode === 'recursive'), pin.blocks, pin.bytes)
  }

  deletePin(cid: Uint8Array): void {
    this.#statement('DELETE FROM pins WHERE cid = ?').run(cid)
  }

  /** Up to `limit` pins that were last announced before `before`, ms since the epoch; those never announced first. */
  pinsToAnnounce(before: number, limit: number): Uint8Array[] {
    return this.#rows<{ cid: Uint8Array }>(
      'SELECT cid FROM pins WHERE announced < ? ORDER BY announced LIMIT ?',
      before,
      limit,
    ).map((row) => row.cid)
  }

  setAnnounced(cid: Uint8Array, at: number): void {
    this.#statement('UPDATE pins SET announced = ? WHERE cid = ?').run(at, cid)
  }

  /** Resolves when all that was committed before the call survives a loss of power. */
  sync(): Promise<void> {
    if (this.#syncing === undefined) return (this.#syncing = this.#syncOnce())
    // What runs already may have begun before the caller's commit: wait for the one after it.
    this.#syncNext ??= this.#syncing
      .catch(() => undefined)
      .then(() => {
        this.#syncNext = undefined
        return (this.#syncing = this.#syncOnce())
      })
    return this.#syncNext
  }

  [Symbol.dispose](): void {
    // A last checkpoint leaves one file behind instead of three.
    this.#database.run('PRAGMA wal_checkpoint(TRUNCATE)')
    this.#database.close()
  }

  async #syncOnce(): Promise<void> {
    try {
      const log = await open(`${this.#file}-wal`, 'r+')
      try {
        await log.datasync()
      } finally {
        await log.close()
      }
    } finally {
      this.#syncing = undefined
    }
  }

  #counters(): Counters {
    return { bytes: this.#bytes, blocks: this.#blocks, nextId: this.#nextId }
  }

  /** Runs `change` in one commit together with the counters that it returns. */
  #transaction(change: () => Counters): void {
    const next = this.#database
      .transaction(() => {
        const counters = change()
        this.#setMeta('bytes', counters.bytes)
        this.#setMeta('blocks', counters.blocks)
        this.#setMeta('next_id', counters.nextId)
        return counters
      })
      .immediate()
    this.#bytes = next.bytes
    this.#blocks = next.blocks
    this.#nextId = next.nextId
  }

  #meta(key: string): number {
    return this.#row<{ value: number }>('SELECT value FROM meta WHERE key = ?', key)?.value ?? 0
  }

  #setMeta(key: string, value: number): void {
    this.#statement('UPDATE meta SET value = ? WHERE key = ?').run(value, key)
  }

  /** Prepared once and kept by the database. */
  #statement(sql: string): Statement {
    return this.#database.query(sql)
  }

  #row<Row>(sql: string, ...values: (Uint8Array | number | string)[]): Row | undefined {
    return (this.#database.query(sql).get(...values) as Row | null) ?? undefined
  }

  #rows<Row>(sql: string, ...values: (Uint8Array | number | string)[]): Row[] {
    return this.#database.query(sql).all(...values) as Row[]
  }
}

const cacheKibibytes = 16_384

interface Counters {
  bytes: number
  blocks: number
  nextId: number
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
}

function blockRow({ id, multihash, codec, size, leaf, in_file, fresh }: StoredBlock): BlockRow {
  return { id, multihash, codec, size, leaf: leaf === 1, inFile: in_file === 1, fresh }
}

function pinRow({ cid, recursive, blocks, bytes }: StoredPin): PinRow {
  return { cid, mode: recursive === 1 ? 'recursive' : 'direct', blocks, bytes }
}

function openError(file: string, cause: unknown): RepositoryError {
  if ((cause as { code?: string }).code === 'SQLITE_BUSY') {
    return new RepositoryError(`${file} is in use by another process; stop that one first`, { cause })
  }
  const problem = cause instanceof Error ? cause.message : String(cause)
  return new RepositoryError(`${file} cannot be opened: ${problem}`, { cause })
}
