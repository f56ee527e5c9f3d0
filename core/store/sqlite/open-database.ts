/** Opens the SQLite file with the settings that the store relies on. */
import { Database } from 'bun:sqlite'

export interface DatabaseSettings {
  /** Bytes of the page cache. */
  cacheBytes: number
  /** Bytes of log after which a commit moves it into the file. */
  checkpointBytes?: number
  /** The file grows to this many bytes at most; the disk decides when absent. */
  maxBytes?: number
}

/** ms that a statement waits for another process, such as one that recovers the log after a crash. */
const busyTimeout = 5000

const defaultCheckpointBytes = 16 * 1024 * 1024

/** Bytes of log that stay allocated after a large transaction. */
const keptLogBytes = 64 * 1024 * 1024

const pageBytes = 4096

/** For the one connection that writes. */
export function openWriter(path: string, settings: DatabaseSettings): Database {
  const { cacheBytes, checkpointBytes = defaultCheckpointBytes, maxBytes } = settings
  const db = new Database(path, { readwrite: true, create: true })
  db.run(`PRAGMA busy_timeout = ${busyTimeout}`)
  db.run(`PRAGMA page_size = ${pageBytes}`)
  db.run('PRAGMA journal_mode = WAL')
  db.run('PRAGMA synchronous = FULL')
  db.run(`PRAGMA cache_size = ${cacheKib(cacheBytes)}`)
  db.run(`PRAGMA wal_autocheckpoint = ${checkpointBytes / pageBytes}`)
  db.run(`PRAGMA journal_size_limit = ${keptLogBytes}`)
  if (maxBytes !== undefined) db.run(`PRAGMA max_page_count = ${Math.ceil(maxBytes / pageBytes)}`)
  return db
}

/** For reading beside the writer, in the same process or another one. */
export function openReader(path: string, { cacheBytes }: DatabaseSettings): Database {
  const db = new Database(path, { readonly: true })
  db.run(`PRAGMA busy_timeout = ${busyTimeout}`)
  db.run(`PRAGMA cache_size = ${cacheKib(cacheBytes)}`)
  return db
}

/** For tables that need not outlive the process: nothing is synced and no journal is kept. */
export function openScratch(path: string, { cacheBytes }: DatabaseSettings): Database {
  const db = new Database(path, { readwrite: true, create: true })
  db.run('PRAGMA journal_mode = OFF')
  db.run('PRAGMA synchronous = OFF')
  db.run('PRAGMA locking_mode = EXCLUSIVE')
  db.run(`PRAGMA cache_size = ${cacheKib(cacheBytes)}`)
  return db
}

/** SQLite takes a negative number as KiB. */
function cacheKib(bytes: number): number {
  return -Math.ceil(bytes / 1024)
}
