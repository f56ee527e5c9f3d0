/**
 * The lock of a peer's folder: one process at a time works on it. `cluster.lock` is a tiny SQLite database with an open
 * write transaction: the kernel releases such a lock when the process ends, however it ends, so that none is ever stale.
 * The database says who holds it; readers of it are not kept out.
 */
import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { messageOf } from '../error-text.ts'
import { createPrivateFile } from '../runtime/private-files.ts'
import { LockFileError, StoreFullError, StoreLockedError } from './errors.ts'
import { isBusy, isFull } from './sqlite/sqlite-errors.ts'

export const lockFileName = 'cluster.lock'

/**
 * Throws `StoreLockedError` when another process, or another part of this one, holds the folder; `LockFileError` or
 * `StoreFullError` when the file cannot be used.
 */
export function lockFolder(folder: string): Disposable {
  const path = join(folder, lockFileName)
  const db = openLock(path)
  try {
    db.run('PRAGMA journal_mode = DELETE')
    db.run('CREATE TABLE IF NOT EXISTS holder (id INTEGER PRIMARY KEY, pid INTEGER NOT NULL)')
    db.query('INSERT OR REPLACE INTO holder VALUES (1, ?)').run(process.pid)
    db.run('BEGIN IMMEDIATE')
  } catch (error) {
    const busy = isBusy(error)
    const pid = busy ? holderOf(db) : undefined
    db.close()
    throw busy ? new StoreLockedError(path, pid) : toLockError(error, path)
  }
  return {
    [Symbol.dispose]() {
      if (db.inTransaction) db.run('ROLLBACK')
      db.close()
    },
  }
}

function openLock(path: string): Database {
  try {
    // Never opened by other means than SQLite once it is there: closing a file drops all locks this process has on it.
    createPrivateFile(path)
    return new Database(path, { readwrite: true })
  } catch (error) {
    throw toLockError(error, path)
  }
}

function toLockError(error: unknown, path: string): Error {
  return isFull(error) ? new StoreFullError(path) : new LockFileError(path, messageOf(error))
}

function holderOf(db: Database): number | undefined {
  try {
    return db.query<{ pid: number }, []>('SELECT pid FROM holder').get()?.pid
  } catch {
    // It is just being taken.
    return undefined
  }
}
