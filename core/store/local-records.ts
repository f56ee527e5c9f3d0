/** Changes of what this peer knows about its pins that do not come from the pinset. */
import type { LocalRecord, TrackedStatus } from '../runtime/store.ts'
import { stateOf } from './consequences.ts'
import type { JobAnswers, OutcomeRequest, RequeuePosition } from './jobs.ts'
import { cidOfKey } from './keys.ts'
import type { KeyBytes, KeyRow, LocalState } from './tables.ts'
import type { Transaction } from './transaction.ts'

/** Keys looked at in one transaction of a long walk. */
const walkPage = 1000

/** Statuses that can be queued again, and as what. */
const requeued = [
  ['pin_error', 'pin_queued'],
  ['unexpectedly_unpinned', 'pin_queued'],
  ['unpin_error', 'unpin_queued'],
] as const satisfies [TrackedStatus, TrackedStatus][]

/** Statuses that only a running process has, and what they are without it. */
const abandoned = [
  ['pinning', 'pin_queued'],
  ['unpinning', 'unpin_queued'],
] as const satisfies [TrackedStatus, TrackedStatus][]

/** Stores the outcomes whose generation is still the record's. Gives the positions of the others. */
export function recordOutcomes(transaction: Transaction, outcomes: OutcomeRequest[]): number[] {
  const { tables } = transaction
  const tooOld: number[] = []
  for (const [at, { key, status, ...rest }] of outcomes.entries()) {
    const id = tables.keyId(key)
    const before = id === undefined ? undefined : tables.local(id)
    if (id === undefined || before?.generation !== rest.generation) {
      tooOld.push(at)
      continue
    }
    const after: LocalState | undefined =
      status === 'gone' ? undefined : { ...rest, want: before.want, status }
    transaction.setLocal(id, key, before, after)
  }
  return tooOld
}

export function requeueKey(transaction: Transaction, key: KeyBytes): KeyBytes[] {
  const { tables } = transaction
  const id = tables.keyId(key)
  const row = id === undefined ? undefined : tables.keyRow(id)
  const [, to] = requeued.find(([from]) => from === row?.local?.status) ?? []
  if (row === undefined || to === undefined) return []
  queue(transaction, row, to)
  return [key]
}

export function requeuePage(
  transaction: Transaction,
  limit: number,
  after: RequeuePosition | undefined,
): JobAnswers['requeuePage'] {
  const status = after?.status ?? 0
  const [from, to] = requeued[status] ?? []
  if (from === undefined || to === undefined) return { keys: [] }
  const rows = transaction.tables.localOfStatus(from, after?.key, limit)
  for (const row of rows) queue(transaction, row, to)
  const keys = rows.map(({ key }) => key)
  const last = keys.at(-1)
  if (rows.length === limit && last !== undefined) return { keys, next: { status, key: last } }
  const isLast = status === requeued.length - 1
  return isLast ? { keys } : { keys, next: { status: status + 1, key: new Uint8Array(0) } }
}

/** Queues again what the last process had in work; `attempts` counted it when it began. */
export function recoverPage(transaction: Transaction): JobAnswers['recover'] {
  let recovered = 0
  for (const [from, to] of abandoned) {
    const rows = transaction.tables.localOfStatus(from, undefined, walkPage - recovered)
    for (const row of rows) queue(transaction, row, to)
    recovered += rows.length
  }
  return { recovered, done: recovered < walkPage }
}

function queue(transaction: Transaction, { id, key, local }: KeyRow, status: TrackedStatus): void {
  const { now } = transaction
  if (local === undefined) return
  transaction.setLocal(id, key, local, { ...local, status, since: now, nextTryAt: now })
}

/**
 * One page of making every record unproven because the IPFS node is another one. Where it is comes from `meta`, so that
 * a walk that was cut off goes on at the next start.
 */
export function bindPage(transaction: Transaction, ipfsId: string): JobAnswers['bind'] {
  const { tables } = transaction
  const bound = tables.meta('ipfs')
  if (bound !== ipfsId) {
    tables.setMeta('ipfs', ipfsId)
    if (bound !== undefined) tables.setMeta('rebinding', '0')
  }
  const position = tables.meta('rebinding') ?? ''
  if (position === '') return { rebound: false, done: true }
  const rows = tables.keysById(Number(position), walkPage)
  for (const row of rows) makeUnproven(transaction, row)
  const last = rows.at(-1)
  const done = last === undefined || rows.length < walkPage
  tables.setMeta('rebinding', done ? '' : String(last.id))
  return { rebound: true, done }
}

/** As if the pin had just come: the rule decides, knowing of no record. */
function makeUnproven(transaction: Transaction, { id, key, folded, local }: KeyRow): void {
  if (local === undefined) return
  const { self, rule, now, nextSequence } = transaction
  const fresh: LocalRecord | undefined = rule({
    self,
    cid: cidOfKey(key),
    record: undefined,
    before: undefined,
    after: folded?.pin,
    sequence: nextSequence,
    now,
  })
  transaction.setLocal(id, key, local, fresh === undefined ? undefined : stateOf(fresh))
}
