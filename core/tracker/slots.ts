/** How many pins or unpins may be taken, beside those that are in work. */

import type { WorkKind } from './events.ts'
import { heldFactor, retryShare } from './settings.ts'
import type { Work } from './work.ts'
import { isIdle } from './yielding.ts'

export interface WorkCount {
  /** Pins or unpins that run on IPFS. */
  running: number
  /** What comes before: the check, the storing of the beginning, the wait for a slot. */
  coming: number
  /** Of those that run, first tries that would leave their slots. */
  idle: number
  /** Of all that run or come, what has failed before. */
  retries: number
  /** With those whose end is being stored. */
  held: number
}

export function countWork(all: Iterable<Work>, kind: WorkKind, now: number): WorkCount {
  const count: WorkCount = { running: 0, coming: 0, idle: 0, retries: 0, held: 0 }
  for (const work of all) {
    if (work.kind !== kind) continue
    count.held++
    if (work.phase === 'recording') continue
    if (work.phase === 'running' || work.phase === 'cancelling') count.running++
    else count.coming++
    if (isIdle(work, now)) count.idle++
    if (work.record.attempts > 0) count.retries++
  }
  return count
}

/** How many more of a kind may be taken. `isQuick`: the next are made ready meanwhile, so that no slot waits for them. */
export function roomFor({ running, coming, idle, held }: WorkCount, limit: number, isQuick: boolean): number {
  const free = limit - coming - (isQuick ? 0 : running - idle)
  return Math.min(free, heldFactor * limit - held)
}

/** Some slots are kept for what has never failed, so that content nobody has cannot hold up the rest. */
export function mayRetry({ running, coming, idle, retries }: WorkCount, limit: number): boolean {
  // The slots of those that bring nothing are for first tries.
  if (idle > 0 && running + coming >= limit) return false
  return retries < Math.max(1, Math.floor(limit * retryShare))
}
