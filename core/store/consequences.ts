/** What follows, in the same transaction, from folded pins that changed: change rows, counters, and this peer's duties. */
import { cidOfKey } from './keys.ts'
import { arePinsEqual } from './pin-value.ts'
import type { TouchedKey } from './pinset-state.ts'
import type { LocalState } from './tables.ts'
import type { Transaction } from './transaction.ts'

/** Newest change rows, by the text of the key. */
export type Sequences = Map<string, number>

/** Returns the newest change row of each key that changed. */
export function applyConsequences(transaction: Transaction, touched: Iterable<TouchedKey>): Sequences {
  const sequences: Sequences = new Map()
  for (const change of touched) {
    const before = change.before?.pin
    const after = change.after?.pin
    if (arePinsEqual(before, after)) continue
    transaction.counts.pins += Number(after !== undefined) - Number(before !== undefined)
    const sequence = transaction.addChange(change.id, change.key, 'pinset')
    sequences.set(change.text, retarget(transaction, change, sequence) ?? sequence)
  }
  return sequences
}

/** Asks the rule what the change means for this peer. Returns the change row of the record, if it changed. */
export function retarget(
  transaction: Transaction,
  { id, key, before, after }: TouchedKey,
  sequence: number,
): number | undefined {
  const { tables, self, rule, now } = transaction
  const cid = (after?.pin ?? before?.pin)?.cid ?? cidOfKey(key)
  const state = tables.local(id)
  const record = state === undefined ? undefined : { cid, ...state }
  const next = rule({ self, cid, record, before: before?.pin, after: after?.pin, sequence, now })
  if (next === record) return undefined
  return transaction.setLocal(id, key, state, next === undefined ? undefined : stateOf(next))
}

export function stateOf({ cid: _, ...state }: LocalState & { cid: unknown }): LocalState {
  return state
}
