/**
 * What is known of the elements that background work of this peer wrote: which element each copied, and whether that is
 * dead. An element whose source is dead is an orphan, to be withdrawn (`BackgroundChange` in `core/runtime/store.ts`).
 */
import type { BlockRowId, KeyRowId, TableReader, Tables } from './tables.ts'

/** Remembers that the element of `block` copied that of `source`. */
export function noteBackground(tables: Tables, key: KeyRowId, block: BlockRowId, source: BlockRowId): void {
  // A tombstone can come before its element.
  if (!tables.hasElement(key, block)) return
  tables.setBackground(key, block, { source, orphaned: tables.hasTombstone(key, source) })
}

/** To be called when an element has got its tombstone. */
export function noteDeath(tables: Tables, key: KeyRowId, dead: BlockRowId): void {
  for (const { block, source, orphaned } of tables.background(key)) {
    if (block === dead) tables.setBackground(key, block, undefined)
    else if (source === dead && !orphaned) tables.setBackground(key, block, { source, orphaned: true })
  }
}

/**
 * Makes the rows of a key agree with its elements and tombstones. A row that was lost stays lost: no block says whose
 * work an element is.
 */
export function repairBackground(tables: Tables, key: KeyRowId): void {
  for (const { block, source } of tables.background(key)) {
    if (tables.hasElement(key, block)) noteBackground(tables, key, block, source)
    else tables.setBackground(key, block, undefined)
  }
}

/** The orphans of a key, with what this peer copied of them, which would be orphans next. */
export function orphansOf(tables: TableReader, key: KeyRowId): Set<BlockRowId> {
  const rows = tables.background(key)
  const orphans = new Set(rows.filter(({ orphaned }) => orphaned).map(({ block }) => block))
  // A set gives what is added to it while it is walked.
  for (const orphan of orphans) {
    for (const { block, source } of rows) if (source === orphan) orphans.add(block)
  }
  return orphans
}
