/**
 * Rows that come in any order and are wanted in the order of their keys: kept in a temporary SQLite table on disk, so that
 * merging the lists of many peers takes little memory (`spec/behaviour.md` §11 no. 12).
 */
import type { Database } from 'bun:sqlite'
import { openScratch } from './sqlite/open-database.ts'

export interface SpooledRow {
  key: Uint8Array
  peer: string
  bytes: Uint8Array
}

/** Rows written in one transaction, and bytes of them unless one row has more. */
const batchSize = 1_000
const batchBytes = 1024 * 1024
/** Bytes of page cache; the rest is on disk. */
const cacheBytes = 4 * 1024 * 1024

export class RowSpool implements Disposable {
  readonly #folder: string
  /** Of as much as was written; none while all rows wait in memory. */
  #opened: Database | undefined
  #batch: SpooledRow[] = []
  #waitingBytes = 0

  /** The file is in the folder, and goes with the process. */
  constructor(folder: string) {
    this.#folder = folder
  }

  add(row: SpooledRow): void {
    this.#batch.push(row)
    this.#waitingBytes += row.key.length + row.bytes.length
    if (this.#batch.length >= batchSize || this.#waitingBytes >= batchBytes) this.#flush()
  }

  /** All rows, by key in byte order. No row may be added after the first is read. */
  *rows(): Generator<SpooledRow> {
    this.#flush()
    if (this.#opened === undefined) return
    using select = this.#opened.prepare<SpooledRow, []>(
      'SELECT key, peer, bytes FROM rows ORDER BY key, peer',
    )
    yield* select.iterate()
  }

  #flush(): void {
    const batch = this.#batch
    this.#batch = []
    this.#waitingBytes = 0
    if (batch.length === 0) return
    this.#opened ??= openRows(this.#folder)
    using insert = this.#opened.prepare('INSERT OR REPLACE INTO rows VALUES (?, ?, ?)')
    this.#opened.transaction(() => {
      for (const { key, peer, bytes } of batch) insert.run(key, peer, bytes)
    })()
  }

  [Symbol.dispose](): void {
    this.#opened?.close()
  }
}

function openRows(folder: string): Database {
  const database = openScratch(folder, { cacheBytes })
  database.run('CREATE TABLE rows (key BLOB, peer TEXT, bytes BLOB, PRIMARY KEY (key, peer)) WITHOUT ROWID')
  return database
}
