/** Cursors: positions of pages as opaque, URL-safe text. The first letter says what the position is in. */
import { base64url } from 'multiformats/bases/base64'
import type { Cursor } from '../runtime/store.ts'
import { CursorError } from './errors.ts'

/**
 * `c`: bytes of a CID; `b`: priority and row id of a block; `r`: a status and bytes of a CID; `k`: row id of a key; `l`:
 * row id of a record.
 */
export type CursorKind = 'c' | 'b' | 'r' | 'k' | 'l'

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

export function encodeRowCursor(kind: CursorKind, row: number): Cursor {
  const position = new DataView(new ArrayBuffer(8))
  position.setBigUint64(0, BigInt(row))
  return encodeCursor(kind, new Uint8Array(position.buffer))
}

/** The row id. Throws `CursorError`. */
export function decodeRowCursor(kind: CursorKind, cursor: Cursor): number {
  const bytes = decodeCursor(kind, cursor)
  if (bytes.length !== 8) throw new CursorError(cursor)
  return Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0))
}
