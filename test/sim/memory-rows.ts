/** The rows of the tables in memory, as they are written to the simulated disk, and the orders that they come in. */
import type { UnixNano } from '../../core/pin/pin.ts'
import type { BackgroundRow, BlockRowId, ChangeKind, KeyRowId, LocalState } from '../../core/store/tables.ts'

/** Rows as JSON has them: bytes in hexadecimal, priorities as text. */
export interface Rows {
  keys: { key: string }
  folded: { block: BlockRowId; pin: string | null }
  local: LocalState
  blocks: { name: string; priority: string | null; bytes: string | null }
  heads: true
  elements: true
  tombstones: true
  background: Omit<BackgroundRow, 'block'>
  changes: { key: KeyRowId; kind: ChangeKind }
  meta: { value: string }
}

export type TableName = keyof Rows
export type Row = Rows[TableName]

/** A row that was set or, when null, deleted. */
export type RowChange = [table: TableName, id: string, row: Row | null]

/** Undefined also for times that no number holds exactly: those never come. */
export function secondsOf(time: UnixNano | undefined): number | undefined {
  const seconds = time === undefined ? undefined : Number(time / 1_000_000_000n)
  return Number.isSafeInteger(seconds) ? seconds : undefined
}

export function compareBlocks(
  a: { priority: bigint; id: BlockRowId },
  b: { priority: bigint; id: BlockRowId },
): number {
  if (a.priority !== b.priority) return a.priority < b.priority ? -1 : 1
  return a.id - b.id
}

export function hex(content: Uint8Array): string {
  return Buffer.from(content.buffer, content.byteOffset, content.byteLength).toString('hex')
}

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'hex'))
}
