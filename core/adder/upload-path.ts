/** The paths of an upload: what they may be, and where they lead. */
import { UploadPathError } from './errors.ts'

/** Folders in folders. */
const maxDepth = 256
/** Bytes of a name. A link of a folder has room for more, but no file system has. */
const maxNameBytes = 1024

/**
 * The names that a path is made of, outermost first; empty for the unnamed. A leading `/` and `.` are dropped, as in the
 * original. Rejects with `UploadPathError` for `..`, NUL, and what is too deep or too long.
 */
export function splitUploadPath(path: string): string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '.')
  const refuse = (why: string) => {
    throw new UploadPathError(`the path ${JSON.stringify(path.slice(0, 200))} of the upload ${why}`)
  }
  if (names.includes('..')) refuse('leads out of its folder: send it without ".."')
  if (path.includes('\0')) refuse('has a NUL byte')
  if (names.length > maxDepth) refuse(`has more than ${maxDepth} names`)
  if (names.some((name) => Buffer.byteLength(name) > maxNameBytes)) {
    refuse(`has a name of more than ${maxNameBytes} bytes`)
  }
  return names
}
