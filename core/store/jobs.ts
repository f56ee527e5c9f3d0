/**
 * What the store asks of its engine, and the answers, as plain values that may cross to a Worker: no CIDs, no Pins, no
 * class instances.
 */
import type { TrackedOutcome } from '../runtime/store.ts'
import type { CommittedRow, KeyBytes } from './tables.ts'

/** A `PinsetChange`; pins are stored values. */
export type KeyChangeRequest = { key: KeyBytes } & (
  | { kind: 'pin'; value: Uint8Array }
  | { kind: 'unpin' }
  | { kind: 'reallocate'; value: Uint8Array; from: Uint8Array }
  | { kind: 'expire'; from: Uint8Array }
  | { kind: 'withdraw' }
)

export interface BlockRequest {
  cid: Uint8Array
  bytes: Uint8Array
}

export type OutcomeRequest = Omit<TrackedOutcome, 'cid'> & { key: KeyBytes }

export type Job =
  | { kind: 'write'; changes: KeyChangeRequest[] }
  /** All of these blocks, or, when one is refused, none. */
  | { kind: 'merge'; blocks: BlockRequest[] }
  | { kind: 'record'; outcomes: OutcomeRequest[] }
  | { kind: 'requeue'; key: KeyBytes }
  | { kind: 'requeuePage'; limit: number; after?: RequeuePosition }
  /** One page of the work of `bindIpfs`. */
  | { kind: 'bind'; ipfsId: string }
  /** One page of what the last process left in work. */
  | { kind: 'recover' }

export interface RequeuePosition {
  /** Index into the statuses that can be queued again. */
  status: number
  key: KeyBytes
}

/** The answers, by the kind of the job. */
export interface JobAnswers {
  write: { block?: Uint8Array; sequence: number; applied: number }
  merge: { merged: number; sequence: number }
  /** Positions of the outcomes that were too old. */
  record: number[]
  requeue: KeyBytes[]
  requeuePage: { keys: KeyBytes[]; next?: RequeuePosition }
  bind: { rebound: boolean; done: boolean }
  recover: { recovered: number; done: boolean }
}

export type JobAnswer = JobAnswers[Job['kind']]

/** A job that was left out while the rest of its batch was done. */
export interface JobRefusal {
  refused: { cid: string; problem: string }
}

/** Jobs of one transaction and its one sync. */
export interface Batch {
  jobs: Job[]
  /** ms since the epoch. */
  now: number
}

export interface BatchAnswer {
  /** In the order of the jobs. */
  answers: ({ answer: JobAnswer } | JobRefusal)[]
  changes: CommittedRow[]
}
