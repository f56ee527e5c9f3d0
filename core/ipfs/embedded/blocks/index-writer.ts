/**
 * The writing end of the index: one SQLite connection that applies batches of changes, each batch in one commit that is
 * on disk when it returns. It lives in a Worker (`index-worker.ts`), so that neither a commit nor a checkpoint holds up
 * the event loop.
 */
import { Database, type Statement } from 'bun:sqlite'
import type { BlockRow, IndexChange, IndexCounters, NewBlock, PinRow } from './index-changes.ts'

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
    }
  }

  /** Opens or makes the file. Throws when it is of a newer program, or as SQLite throws. */
  static open(file: string): IndexWriter {
    const database = new Database(file, { create: true, strict: true })
    try {
      database.run('PRAGMA auto_vacuum = INCREMENTAL')
      database.run('PRAGMA journal_mode = WAL')
      database.run('PRAGMA synchronous = FULL')
      database.run(`PRAGMA cache_size = -${cacheKibibytes}`)
      const found = database.query("SELECT name FROM sqlite_master WHERE name = 'meta'").get()
      if (found === null) database.transaction(() => database.run(schema)).immediate()
      const writer = new IndexWriter(database)
      const version = writer.#meta('schema')
      if (version !== schemaVersion) {
        throw new Error(
          `it has version ${version}, this program knows ${schemaVersion}: use the newer program`,
        )
      }
      return writer
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
        const { bytes, blocks, nextId } = this.#counters
        this.#setMeta('bytes', bytes)
        this.#setMeta('blocks', blocks)
        this.#setMeta('next_id', nextId)
      })()
    } catch (error) {
      this.#counters = before
      throw error
    }
    const { freelist_count: unusedPages } = this.#statement('PRAGMA freelist_count').get() as {
      freelist_count: number
    }
    this.#counters = { ...this.#counters, unusedPages }
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
      case 'emptied':
        for (const id of change.ids) this.#run('DELETE FROM trash WHERE id = ?', id)
        return
      case 'pin':
        this.#pin(change.pin)
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

  #pin({ cid, mode, blocks, bytes }: PinRow): void {
    this.#run(
      `INSERT INTO pins (cid, recursive, blocks, bytes) VALUES (?, ?, ?, ?) ON CONFLICT (cid)
       DO UPDATE SET recursive = excluded.recursive, blocks = excluded.blocks, bytes = excluded.bytes`,
      cid,
      Number(mode === 'recursive'),
      blocks,
      bytes,
    )
  }

  #meta(key: string): number {
    const row = this.#statement('SELECT value FROM meta WHERE key = ?').get(key) as { value: number } | null
    return row?.value ?? 0
  }

  #setMeta(key: string, value: number): void {
    this.#run('UPDATE meta SET value = ? WHERE key = ?', value, key)
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
