/** Pages of rows: read on from a cursor until the page is full, the end is reached, or enough was looked at. */
import type { Cursor, Page } from '../runtime/store.ts'
import { decodeCursor, decodeRowCursor, encodeCursor, encodeRowCursor } from './cursor.ts'
import type { KeyBytes, KeyRow, KeyRowId } from './tables.ts'

/** A way through rows, in an order of its own. */
export interface Walk {
  /** At most `count` rows after a row or cursor; from the beginning without one. */
  read(after: KeyRow | Cursor | undefined, count: number): KeyRow[]
  cursorOf(row: KeyRow): Cursor
}

/** Keys that one page looks at, at most; when it found too few by then, it ends early with a cursor. */
export const scannedPerPage = 4000

/** Keys that are read at once, at least. */
const shortestScan = 100

/** In the byte order of CIDs. */
export function byCid(read: (after: KeyBytes | undefined, count: number) => KeyRow[]): Walk {
  return {
    read: (after, count) => read(typeof after === 'string' ? decodeCursor('c', after) : after?.key, count),
    cursorOf: ({ key }) => encodeCursor('c', key),
  }
}

/** In the order of row ids. */
export function byRow(read: (after: KeyRowId, count: number) => KeyRow[]): Walk {
  return {
    read: (after, count) =>
      read(typeof after === 'string' ? decodeRowCursor('k', after) : (after?.id ?? 0), count),
    cursorOf: ({ id }) => encodeRowCursor('k', id),
  }
}

/** A page of what `pick` makes of the rows; rows for which it gives undefined are passed over. */
export function readPage<Row>(
  after: Cursor | undefined,
  limit: number,
  walk: Walk,
  pick: (row: KeyRow) => Row | undefined,
): Page<Row> {
  const rows: Row[] = []
  let last: KeyRow | undefined
  for (let scanned = 0; scanned < scannedPerPage; ) {
    const count = Math.max(limit - rows.length, shortestScan)
    const found = walk.read(last ?? after, count)
    for (const row of found) {
      last = row
      const picked = pick(row)
      if (picked !== undefined && rows.push(picked) === limit) return { rows, next: walk.cursorOf(row) }
    }
    if (found.length < count) return { rows }
    scanned += count
  }
  return last === undefined ? { rows } : { rows, next: walk.cursorOf(last) }
}
