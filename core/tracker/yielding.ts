/**
 * First tries of pins that bring nothing leave their slots to first tries that wait: content that nobody has must not hold up
 * what can be had now. Their next tries have all the time that is set, in the slots that are there for retries.
 */
import { idleLimit } from './settings.ts'
import type { Held, Work } from './work.ts'

export function isIdle(work: Work, now: number): boolean {
  return runsFirst(work) && now - work.progressedAt >= idleLimit
}

/** Those that have to leave so that all first tries that are ready can run; the longest idle go first. */
export function leaving(all: Iterable<Held>, limit: number, now: number): Held[] {
  let free = limit
  let ready = 0
  let alreadyLeaving = 0
  const idle: Held[] = []
  for (const work of all) {
    if (work.kind !== 'pin') continue
    if (work.phase === 'ready' && isFirst(work)) ready++
    if (work.phase === 'running' || work.phase === 'cancelling') free--
    if (work.phase === 'cancelling') alreadyLeaving++
    if (isIdle(work, now)) idle.push(work)
  }
  const missing = ready - Math.max(0, free) - alreadyLeaving
  return idle.sort((a, b) => a.progressedAt - b.progressedAt).slice(0, Math.max(0, missing))
}

/** Milliseconds until one more is idle, undefined when none will be. */
export function untilIdle(all: Iterable<Work>, now: number): number | undefined {
  let first: number | undefined
  for (const work of all) {
    if (!runsFirst(work) || isIdle(work, now)) continue
    first = Math.min(first ?? Number.POSITIVE_INFINITY, work.progressedAt + idleLimit - now)
  }
  return first
}

function runsFirst(work: Work): boolean {
  return work.kind === 'pin' && work.phase === 'running' && isFirst(work)
}

function isFirst({ record }: Work): boolean {
  return record.attempts === 0
}
