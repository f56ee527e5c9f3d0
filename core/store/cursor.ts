/** Cursors: positions of pages as opaque, URL-safe text. The first letter says what the position is in. */
import { base64url } from 'multiformats/bases/base64'
import type { Cursor } from '../runtime/store.ts'
import { CursorError } from './errors.ts'

/** `c`: bytes of a CID; `b`: priority and row id of a block; `r`: a status and bytes of a CID; `l`: row id of a record. */
export type CursorKind = 'c' | 'b' | 'r' | 'l'

/** Characters of the longest cursor: a CID of 512 bytes with room to spare. */
const longestCursor = 1024

export function encodeCursor(kind: CursorKind, position: Uint8Array): Cursor {
  return kind + base64url.baseEncode(position)
}

/** The position. Throws `CursorError`. */
export function decodeCursor(kind: CursorKind, cursor: Cursor): Uint8Array {
  if (cursor[0] !== kind || cursor.length > longestCursor) throw new CursorError(cursor)
  try {
    return base64url.baseDecode(cursor.slice(1))
  } catch {
    throw new CursorError(cursor)
  }
}
