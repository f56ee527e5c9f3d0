/**
 * Rows that come in any order and are wanted in the order of their keys: kept in a temporary SQLite table on disk, so that
 * merging the lists of many peers takes little memory (`spec/behaviour.md` §11 no. 12).
 */
import { Database } from 'bun:sqlite'

export interface SpooledRow {
  key: Uint8Array
  peer: string
  bytes: Uint8Array
}

/** Rows written in one transaction, and bytes of them unless one row has more. */
const batchSize = 1_000
const batchBytes = 1024 * 1024
/** KiB of page cache; the rest is on disk. */
const cacheKib = 4_096

export class RowSpool implements Disposable {
  // An empty name is a temporary file that SQLite removes by itself.
  readonly #database = new Database('')
  readonly #insert
  #batch: SpooledRow[] = []
  #waitingBytes = 0

  constructor() {
    this.#database.run(`PRAGMA cache_size = -${cacheKib}`)
    this.#database.run('PRAGMA journal_mode = OFF')
    this.#database.run('PRAGMA synchronous = OFF')
    this.#database.run(
      'CREATE TABLE rows (key BLOB, peer TEXT, bytes BLOB, PRIMARY KEY (key, peer)) WITHOUT ROWID',
    )
    this.#insert = this.#database.prepare('INSERT OR REPLACE INTO rows VALUES (?, ?, ?)')
  }

  add(row: SpooledRow): void {
    this.#batch.push(row)
    this.#waitingBytes += row.key.length + row.bytes.length
    if (this.#batch.length >= batchSize || this.#waitingBytes >= batchBytes) this.#flush()
  }

  /** All rows, by key in byte order. No row may be added after the first is read. */
  *rows(): Generator<SpooledRow> {
    this.#flush()
    using select = this.#database.prepare<SpooledRow, []>(
      'SELECT key, peer, bytes FROM rows ORDER BY key, peer',
    )
    yield* select.iterate()
  }

  #flush(): void {
    const batch = this.#batch
    this.#batch = []
    this.#waitingBytes = 0
    this.#database.transaction(() => {
      for (const { key, peer, bytes } of batch) this.#insert.run(key, peer, bytes)
    })()
  }

  [Symbol.dispose](): void {
    this.#insert.finalize()
    this.#database.close()
  }
}
