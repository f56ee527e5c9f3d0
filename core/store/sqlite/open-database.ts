/** Opens the SQLite file with the settings that the store relies on. */
import { Database } from 'bun:sqlite'
import { randomUUID } from 'node:crypto'
import { unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createPrivateFile } from '../../runtime/private-files.ts'

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

/**
 * For tables that need not outlive the process: in a file of the folder that goes with it, whatever becomes of it. Nothing
 * is synced. A database without a name would be in memory, and without a journal there is none in Bun's SQLite: it refuses
 * the mode, and writes a journal beside the file.
 */
export function openScratch(folder: string, { cacheBytes }: DatabaseSettings): Database {
  const path = join(folder, `scratch-${randomUUID()}.sqlite`)
  createPrivateFile(path)
  const db = new Database(path, { readwrite: true, create: true })
  try {
    db.run('PRAGMA journal_mode = MEMORY')
    db.run('PRAGMA synchronous = OFF')
    db.run('PRAGMA locking_mode = EXCLUSIVE')
    db.run(`PRAGMA cache_size = ${cacheKib(cacheBytes)}`)
    // Only now: SQLite holds on to the file from its first statement on.
    db.run('CREATE TABLE scratch (value)')
    db.run('DROP TABLE scratch')
    return db
  } catch (error) {
    db.close()
    throw error
  } finally {
    unlinkSync(path)
  }
}

/** SQLite takes a negative number as KiB. */
function cacheKib(bytes: number): number {
  return -Math.ceil(bytes / 1024)
}
