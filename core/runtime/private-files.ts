/** Files and folders that only their owner may read. SQLite gives the files beside a database the mode it has. */
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs'

/** Makes an empty file of mode 0600, unless there is one. */
export function createPrivateFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

/** The same; a file that is there, as an older program made it, is closed to others. */
export function ensurePrivateFile(path: string): void {
  createPrivateFile(path)
  chmodSync(path, 0o600)
}

/** Makes a folder of mode 0700, unless there is one. */
export function createPrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
}
