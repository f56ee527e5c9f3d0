/**
 * What all steps of one transaction share: the tables, the change log that they append to, the counters that they keep
 * right, and the time.
 */
import type { PeerIdText } from '../pin/pin.ts'
import type { StoreCounts, TrackedStatus } from '../runtime/store.ts'
import type { RetargetRule } from '../tracker/retarget.ts'
import {
  type ChangeKind,
  type CommittedRow,
  type KeyBytes,
  type KeyRowId,
  type LocalState,
  type Tables,
  type WorkKind,
  waitingStatuses,
} from './tables.ts'

/** Rows of the change log that are kept; a reader at an older position reads everything anew. */
export const keptChanges = 1_000_000

/** What outlives one transaction. */
export interface TransactionInit {
  tables: Tables
  self: PeerIdText
  rule: RetargetRule
  /** Rows of the change log that are kept. */
  keptChanges: number
}

export class Transaction {
  readonly tables: Tables
  readonly self: PeerIdText
  readonly rule: RetargetRule
  /** ms since the epoch. */
  readonly now: number
  readonly counts: StoreCounts
  /** Rows added so far. */
  readonly changes: CommittedRow[] = []
  readonly #keptChanges: number
  #sequence: number

  constructor(init: TransactionInit, now: number) {
    this.tables = init.tables
    this.self = init.self
    this.rule = init.rule
    this.now = now
    this.#keptChanges = init.keptChanges
    this.counts = readCounts(init.tables.meta('counts'))
    this.#sequence = init.tables.changeRange().newest
  }

  /** The number of the next row. */
  get nextSequence(): number {
    return this.#sequence + 1
  }

  addChange(id: KeyRowId, key: KeyBytes, kind: ChangeKind, waits?: CommittedRow['waits']): number {
    const sequence = ++this.#sequence
    this.tables.addChange(sequence, id, kind)
    this.changes.push(waits === undefined ? { sequence, key, kind } : { sequence, key, kind, waits })
    return sequence
  }

  /** Stores, replaces or deletes a record, with its change row. Returns the number of that row. */
  setLocal(
    id: KeyRowId,
    key: KeyBytes,
    before: LocalState | undefined,
    after: LocalState | undefined,
  ): number {
    if (before !== undefined) this.#countLocal(before.status, -1)
    if (after !== undefined) this.#countLocal(after.status, 1)
    this.tables.setLocal(id, after)
    return this.addChange(id, key, 'local', after && queueOf(after))
  }

  /** The last step: writes the counters, and drops as many old change rows as new ones came. */
  finish(): void {
    const text = JSON.stringify(this.counts)
    if (text !== this.tables.meta('counts')) this.tables.setMeta('counts', text)
    const last = this.#sequence - this.#keptChanges
    if (this.changes.length > 0 && last > 0) this.tables.dropChanges(last)
  }

  #countLocal(status: TrackedStatus, by: number): void {
    const count = (this.counts.local[status] ?? 0) + by
    if (count === 0) delete this.counts.local[status]
    else this.counts.local[status] = count
  }
}

/** The queue that the record waits in, if it does. */
function queueOf({ status, priority }: LocalState): CommittedRow['waits'] {
  const kind = workKinds.find((each) => waitingStatuses[each].includes(status))
  return kind === undefined ? undefined : { kind, priority }
}

const workKinds: readonly WorkKind[] = ['pin', 'unpin']

export function readCounts(text: string | undefined): StoreCounts {
  return text === undefined ? { pins: 0, local: {}, blocks: 0, heads: 0 } : (JSON.parse(text) as StoreCounts)
}
