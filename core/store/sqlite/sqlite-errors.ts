/** What errors of SQLite mean for the store. */
import { SQLiteError } from 'bun:sqlite'
import { messageOf } from '../../error-text.ts'
import {
  CheckOvertakenError,
  StoreDamagedError,
  StoreFailedError,
  StoreFullError,
  StoreOwnerError,
  StoreVersionError,
} from '../errors.ts'

export function isBusy(error: unknown): boolean {
  return codeOf(error).startsWith('SQLITE_BUSY')
}

/** True when there is no room to write: the disk, or a quota, or the limit of the database itself. */
export function isFull(error: unknown): boolean {
  return codeOf(error) === 'SQLITE_FULL' || codeOf(error) === 'ENOSPC' || codeOf(error) === 'EDQUOT'
}

/** Errors that say it better already. */
const own = [CheckOvertakenError, StoreDamagedError, StoreOwnerError, StoreVersionError]

/** The error to tell, about the file at `path`. */
export function toStoreError(error: unknown, path: string): Error {
  if (own.some((type) => error instanceof type)) return error as Error
  return isFull(error) ? new StoreFullError(path) : new StoreFailedError(path, messageOf(error))
}

function codeOf(error: unknown): string {
  if (error instanceof SQLiteError) return error.code ?? ''
  return (error as NodeJS.ErrnoException | undefined)?.code ?? ''
}
