/** Takes the place of a peer's store, or removes it, so that a crash at any moment leaves the old one or the new one. */
import { Database } from 'bun:sqlite'
import { existsSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { storePath } from '../store/sqlite-store.ts'

/** Puts the store of `from` in place of that of `folder`. Both are closed, and the caller holds the lock of `folder`. */
export async function replaceStore(folder: string, from: string): Promise<void> {
  const path = storePath(folder)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await removeLog(path)
  await rename(storePath(from), path)
  await syncFolder(dirname(path))
}

/** Removes the store of `folder`. It is closed, and the caller holds the lock. */
export async function removeStore(folder: string): Promise<void> {
  const path = storePath(folder)
  if (!existsSync(path)) return
  await removeLog(path)
  await rm(path)
  await syncFolder(dirname(path))
}

/**
 * Moves what is in the log of a database into it, and removes the log: SQLite would replay a log that is left over into
 * the file that comes next.
 */
async function removeLog(path: string): Promise<void> {
  if (existsSync(`${path}-wal`)) {
    try {
      using db = new Database(path, { readwrite: true })
      db.run('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // The old file is damaged: it has nothing to lose.
    }
  }
  for (const beside of [`${path}-wal`, `${path}-shm`]) await rm(beside, { force: true })
  if (existsSync(dirname(path))) await syncFolder(dirname(path))
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
