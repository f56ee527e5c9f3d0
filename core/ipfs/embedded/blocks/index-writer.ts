/**
 * The writing end of the index: one SQLite connection that applies batches of changes, each batch in one commit that is
 * on disk when it returns. It lives in a Worker (`index-worker.ts`), so that neither a commit nor a checkpoint holds up
 * the event loop.
 */
import { Database, type Statement } from 'bun:sqlite'
import { randomInt } from 'node:crypto'
import { ensurePrivateFile } from '../../../runtime/private-files.ts'
import {
  type BlockRow,
  type IndexChange,
  type IndexCounters,
  type NewBlock,
  type PinRow,
  pinFlaws,
} from './index-changes.ts'

const schemaVersion = 2
/** Names of indexes are below it: the largest range that `randomInt` takes. */
const repositoryNames = 2 ** 48 - 1

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
  INSERT INTO meta VALUES ('schema', 1), ('next_id', 1), ('bytes', 0), ('blocks', 0);
`

/** From version 1. `proven`, `flaw`: see `PinRow`. */
const proofSchema = `
  ALTER TABLE pins ADD COLUMN proven INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE pins ADD COLUMN flaw INTEGER NOT NULL DEFAULT 0;
  CREATE INDEX pins_flawed ON pins (flaw, cid) WHERE flaw > 0;
  UPDATE meta SET value = 2 WHERE key = 'schema';
`

const cacheKibibytes = 16_384

export class IndexWriter implements Disposable {
  readonly #database: Database
  #counters: IndexCounters

  private constructor(database: Database) {
    this.#database = database
    this.#counters = {
      bytes: this.#meta('bytes'),
      blocks: this.#meta('blocks'),
      nextId: this.#meta('next_id'),
      unusedPages: 0,
      doubt: this.#meta('doubt'),
      proven: this.#meta('proven'),
      hasFlaws: this.#hasFlaws(),
      repository: this.#meta('repository'),
      openings: this.#meta('openings'),
    }
  }

  /** Opens or makes the file. Throws when it is of a newer program, or as SQLite throws. */
  static open(file: string): IndexWriter {
    // Small files are in it.
    ensurePrivateFile(file)
    const database = new Database(file, { create: true, strict: true })
    try {
      database.run('PRAGMA auto_vacuum = INCREMENTAL')
      database.run('PRAGMA journal_mode = WAL')
      database.run('PRAGMA synchronous = FULL')
      database.run(`PRAGMA cache_size = -${cacheKibibytes}`)
      database.transaction(() => prepare(database)).immediate()
      return new IndexWriter(database)
    } catch (error) {
      database.close()
      throw error
    }
  }

  get counters(): IndexCounters {
    return this.#counters
  }

  /** All of them in order, or none. */
  commit(changes: readonly IndexChange[]): IndexCounters {
    const before = { ...this.#counters }
    try {
      this.#database.transaction(() => {
        for (const change of changes) this.#apply(change)
        const { bytes, blocks, nextId, doubt, proven, repository, openings } = this.#counters
        const values = { bytes, blocks, next_id: nextId, doubt, proven, repository, openings }
        for (const [key, value] of Object.entries(values)) this.#setMeta(key, value)
      })()
    } catch (error) {
      this.#counters = before
      throw error
    }
    const { freelist_count: unusedPages } = this.#statement('PRAGMA freelist_count').get() as {
      freelist_count: number
    }
    this.#counters = { ...this.#counters, unusedPages, hasFlaws: this.#hasFlaws() }
    return this.#counters
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }

  #apply(change: IndexChange): void {
    switch (change.kind) {
      case 'add':
        for (const block of change.blocks) this.#add(block)
        return
      case 'refresh':
        for (const { id, fresh } of change.rows)
          this.#run('UPDATE blocks SET fresh = ? WHERE id = ?', fresh, id)
        return
      case 'remove':
        for (const row of change.rows) this.#remove(row)
        return
      case 'lost':
        for (const row of change.rows) this.#remove(row)
        this.#counters.doubt++
        return
      case 'emptied':
        for (const id of change.ids) this.#run('DELETE FROM trash WHERE id = ?', id)
        return
      case 'pin':
        this.#pin(change.pin)
        return
      case 'flaw':
        this.#run(
          'UPDATE pins SET flaw = ?, proven = ? WHERE cid = ?',
          pinFlaws.indexOf(change.flaw),
          change.proven,
          change.cid,
        )
        return
      case 'proven':
        this.#counters.proven = change.doubt
        return
      case 'renew':
        this.#counters.repository = newName()
        this.#counters.doubt++
        return
      case 'reserve':
        this.#counters.nextId = Math.max(this.#counters.nextId, change.nextId)
        return
      case 'opened':
        this.#counters.openings = change.openings
        return
      case 'unpin':
        this.#run('DELETE FROM pins WHERE cid = ?', change.cid)
        return
      case 'announced':
        this.#run('UPDATE pins SET announced = ? WHERE cid = ?', change.at, change.cid)
        return
      case 'shrink':
        this.#database.run(`PRAGMA incremental_vacuum(${change.pages})`)
    }
  }

  #add({ id, multihash, codec, size, leaf, inFile, fresh, bytes }: NewBlock): void {
    this.#run(
      'INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)',
      id,
      multihash,
      codec,
      size,
      Number(leaf),
      Number(inFile),
      fresh,
    )
    if (bytes !== undefined) this.#run('INSERT INTO small VALUES (?, ?)', id, bytes)
    this.#counters.bytes += size
    this.#counters.blocks++
    this.#counters.nextId = Math.max(this.#counters.nextId, id + 1)
  }

  #remove({ id, multihash, size, inFile }: BlockRow): void {
    if (this.#run('DELETE FROM blocks WHERE id = ?', id) === 0) return
    if (inFile) this.#run('INSERT INTO trash VALUES (?, ?)', id, multihash)
    else this.#run('DELETE FROM small WHERE id = ?', id)
    this.#counters.bytes -= size
    this.#counters.blocks--
  }

  #pin({ cid, mode, blocks, bytes, proven }: Omit<PinRow, 'flaw'>): void {
    this.#run(
      `INSERT INTO pins (cid, recursive, blocks, bytes, proven, flaw) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (cid)
       DO UPDATE SET recursive = excluded.recursive, blocks = excluded.blocks, bytes = excluded.bytes,
         proven = excluded.proven, flaw = excluded.flaw`,
      cid,
      Number(mode === 'recursive'),
      blocks,
      bytes,
      proven,
      pinFlaws.indexOf(proven < this.#counters.doubt ? 'suspect' : 'none'),
    )
  }

  #hasFlaws(): boolean {
    return this.#statement('SELECT 1 FROM pins WHERE flaw > 0 LIMIT 1').get() !== null
  }

  #meta(key: string): number {
    const row = this.#statement('SELECT value FROM meta WHERE key = ?').get(key) as { value: number } | null
    return row?.value ?? 0
  }

  #setMeta(key: string, value: number): void {
    this.#run(
      'INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
      key,
      value,
    )
  }

  /** Returns how many rows it changed. */
  #run(sql: string, ...values: (Uint8Array | number | string)[]): number {
    return this.#statement(sql).run(...values).changes
  }

  /** Prepared once and kept by the database. */
  #statement(sql: string): Statement {
    return this.#database.query(sql)
  }
}

/** Makes the tables, or brings those of an older program up to date. Throws when they are of a newer one. */
function prepare(database: Database): void {
  const found = database.query("SELECT name FROM sqlite_master WHERE name = 'meta'").get()
  if (found === null) {
    database.run(schema)
    database.query("INSERT INTO meta VALUES ('repository', ?)").run(newName())
  }
  const { version } = database.query("SELECT value AS version FROM meta WHERE key = 'schema'").get() as {
    version: number
  }
  if (version > schemaVersion) {
    throw new Error(`it has version ${version}, this program knows ${schemaVersion}: use the newer program`)
  }
  if (version < 2) database.run(proofSchema)
}

function newName(): number {
  return randomInt(1, repositoryNames)
}
