/** What this peer knows of a pin as the columns of its row, and back. */
import type { TrackedStatus } from '../../runtime/store.ts'
import { StoreDamagedError } from '../errors.ts'
import type { LocalState } from '../tables.ts'
import { statusCodes, wantCodes } from './schema.ts'

export interface LocalColumns {
  want: number
  status: number
  generation: number
  attempts: number
  error: string | null
  since: number
  next_try: number
  priority: number
  owned: number
  bytes: number | null
}

const statusNames = Object.keys(statusCodes) as TrackedStatus[]
const wantNames = Object.keys(wantCodes) as LocalState['want'][]

export function toLocalColumns(state: LocalState): LocalColumns {
  return {
    want: wantCodes[state.want],
    status: statusCodes[state.status],
    generation: state.generation,
    attempts: state.attempts,
    error: state.error === '' ? null : state.error,
    since: state.since,
    next_try: state.nextTryAt,
    priority: state.priority,
    owned: state.owned ? 1 : 0,
    bytes: state.bytes ?? null,
  }
}

/** The columns that a walk over all records reads. */
export function fromSummaryColumns({
  want,
  status,
}: Pick<LocalColumns, 'want' | 'status'>): Pick<LocalState, 'want' | 'status'> {
  return { want: nameOf(wantNames, want), status: nameOf(statusNames, status) }
}

export function fromLocalColumns(row: LocalColumns): LocalState {
  return {
    ...fromSummaryColumns(row),
    generation: row.generation,
    attempts: row.attempts,
    error: row.error ?? '',
    since: row.since,
    nextTryAt: row.next_try,
    priority: row.priority,
    owned: row.owned === 1,
    ...(row.bytes === null ? {} : { bytes: row.bytes }),
  }
}

function nameOf<Name>(names: readonly Name[], code: number): Name {
  const name = names[code]
  if (name === undefined) throw new StoreDamagedError(`code ${code} in table local is unknown`)
  return name
}
