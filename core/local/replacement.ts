/** Takes the place of a peer's store, or removes it, so that a crash at any moment leaves the old one or the new one. */
import { Database } from 'bun:sqlite'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { syncFolder } from '../runtime/sync-folder.ts'
import { storePath } from '../store/sqlite-store.ts'

/** Puts the store of `from` in place of that of `folder`. Both are closed, and the caller holds the lock of `folder`. */
export async function replaceStore(folder: string, from: string): Promise<void> {
  const path = storePath(folder)
  const fresh = storePath(from)
  foldLog(fresh)
  await dropLog(fresh)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await settleLog(path)
  await rename(fresh, path)
  await syncFolder(dirname(path))
}

/** Removes the store of `folder`. It is closed, and the caller holds the lock. */
export async function removeStore(folder: string): Promise<void> {
  const path = storePath(folder)
  if (!existsSync(path)) return
  await settleLog(path)
  await rm(path)
  await syncFolder(dirname(path))
}

/**
 * Moves what is in the log of a database into it, and removes the log: SQLite would replay a log that is left over into
 * the file that comes next.
 */
async function settleLog(path: string): Promise<void> {
  if (existsSync(path) && existsSync(logOf(path))) {
    try {
      foldLog(path)
    } catch {
      // The old file is damaged: it has nothing to lose.
    }
  }
  await dropLog(path)
}

/** Throws when not all of the log could be moved. */
function foldLog(path: string): void {
  using db = new Database(path, { readwrite: true })
  const done = db.query<{ busy: number; log: number; checkpointed: number }, []>(
    'PRAGMA wal_checkpoint(TRUNCATE)',
  )
  const { busy, log, checkpointed } = done.get()!
  if (busy !== 0 || log !== checkpointed) throw new Error(`${path} is in use`)
}

async function dropLog(path: string): Promise<void> {
  for (const beside of [logOf(path), `${path}-shm`]) await rm(beside, { force: true })
  if (existsSync(dirname(path))) await syncFolder(dirname(path))
}

function logOf(path: string): string {
  return `${path}-wal`
}
