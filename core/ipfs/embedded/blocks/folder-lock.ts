/**
 * The lock of the node's folder: one process at a time works on it. The file `lock` is an empty SQLite database with an
 * open write transaction; the kernel ends such a lock with the process, however that ends.
 */
import { Database } from 'bun:sqlite'
import { join } from 'node:path'
import { createPrivateFile } from '../../../runtime/private-files.ts'
import { RepositoryError } from '../errors.ts'

/** Throws `RepositoryError`. */
export function lockFolder(folder: string): Disposable {
  const file = join(folder, 'lock')
  let database: Database | undefined
  try {
    createPrivateFile(file)
    database = new Database(file, { create: true })
    database.run('PRAGMA journal_mode = DELETE')
    database.run('BEGIN EXCLUSIVE')
  } catch (cause) {
    database?.close()
    const busy = (cause as { code?: string }).code === 'SQLITE_BUSY'
    const why = busy ? 'it is in use by another process; stop that one first' : (cause as Error).message
    throw new RepositoryError(`${folder} cannot be opened: ${why}`, { cause })
  }
  const held = database
  return { [Symbol.dispose]: () => held.close() }
}
