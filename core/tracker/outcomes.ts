/** What the beginnings and ends of a try do to its record. */
import type { IpfsPinState } from '../runtime/ipfs.ts'
import type { LocalRecord, TrackedOutcome } from '../runtime/store.ts'
import type { WorkKind } from './events.ts'
import { priorityClass } from './priority.ts'
import { idleLimit } from './settings.ts'

/** `nextTryAt` of what is not tried again by itself; recovering it queues it. */
export const never = Number.MAX_SAFE_INTEGER

/** Causes longer than this are cut, characters. */
const longestError = 1000

/** The try is counted before it begins: what makes the peer crash counts too. */
export function begun(record: LocalRecord, kind: WorkKind, now: number): TrackedOutcome {
  return {
    ...kept(record),
    status: kind === 'pin' ? 'pinning' : 'unpinning',
    attempts: record.attempts + 1,
    since: now,
    owned: true,
  }
}

export function pinned(record: LocalRecord, owned: boolean, now: number, bytes?: number): TrackedOutcome {
  return {
    ...kept(record),
    status: 'pinned',
    attempts: 0,
    error: '',
    since: now,
    nextTryAt: 0,
    owned,
    ...(bytes === undefined ? {} : { bytes }),
  }
}

export function gone(record: LocalRecord, now: number): TrackedOutcome {
  return { ...kept(record), status: 'gone', error: '', since: now }
}

/** When and in which class it is tried again. */
export interface NextTry {
  /** Tries so far. */
  attempts: number
  now: number
  /** Milliseconds until the next try. */
  delay: number
  priority: number
}

export interface FailedTry extends NextTry {
  status: 'pin_error' | 'unpin_error'
  error: string
  owned: boolean
}

export function failed(record: LocalRecord, { now, delay, error, ...rest }: FailedTry): TrackedOutcome {
  return { ...kept(record), ...rest, error: error.slice(0, longestError), since: now, nextTryAt: now + delay }
}

/** In the queue again as if it had not been tried, due at once. */
export function queued(record: LocalRecord, kind: WorkKind, now: number, error: string): TrackedOutcome {
  return {
    ...kept(record),
    status: kind === 'pin' ? 'pin_queued' : 'unpin_queued',
    error: error.slice(0, longestError),
    since: now,
    nextTryAt: now,
    owned: true,
  }
}

/** In the queue again, as a try that brought nothing: others have its slot. */
export function yielded(record: LocalRecord, { attempts, now, delay, priority }: NextTry): TrackedOutcome {
  return {
    ...kept(record),
    status: 'pin_queued',
    attempts,
    error:
      `no block arrived for ${idleLimit / 1000} s while other pins waited for one of the concurrent_pins; it is tried ` +
      'again, for longer',
    since: now,
    nextTryAt: now + delay,
    priority,
    owned: true,
  }
}

export interface Loss {
  /** How it is pinned on IPFS instead; a recursive pin is no loss. */
  state: Exclude<IpfsPinState, 'recursive'>
  now: number
  priority: number
}

/** It was pinned, and is not so any more; due at once. */
export function lost(record: LocalRecord, { state, now, priority }: Loss): TrackedOutcome {
  return {
    ...kept(record),
    status: 'unexpectedly_unpinned',
    error: `the item should be pinned but it is not: ${lossCauses[state]}`,
    since: now,
    nextTryAt: now,
    priority,
  }
}

const lossCauses: Readonly<Record<Loss['state'], string>> = {
  unpinned: 'the IPFS node has no pin of it any more',
  indirect: 'on the IPFS node it is only a part of another pin',
  direct: 'the IPFS node has only a direct pin of it',
}

/** The configuration forbids it, and trying again would not change that. */
export function refused(record: LocalRecord, now: number): TrackedOutcome {
  return {
    ...kept(record),
    status: 'unpin_error',
    error:
      'IPFS unpinning is disallowed by configuration on this peer (unpin_disable), so the content stays pinned on IPFS; ' +
      'allow it and recover this CID to unpin it',
    since: now,
    nextTryAt: never,
    priority: priorityClass.failing,
  }
}

function kept(record: LocalRecord): Omit<TrackedOutcome, 'status'> {
  const { cid, generation, attempts, error, since, nextTryAt, priority, owned, bytes } = record
  return {
    cid,
    generation,
    attempts,
    error,
    since,
    nextTryAt,
    priority,
    owned,
    ...(bytes === undefined ? {} : { bytes }),
  }
}
