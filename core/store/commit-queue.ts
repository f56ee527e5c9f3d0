/**
 * Group commit: jobs that come while a commit runs share the next one and its one sync. Merges and the rest take turns,
 * so that a long merge delays a write by one commit and not by all that wait.
 */
import type { Logger } from '../runtime/ports.ts'
import { BlockRefusedError, StoreBusyError, StoreClosedError } from './errors.ts'
import type { Batch, BatchAnswer, Job, JobAnswers } from './jobs.ts'
import type { CommittedRow } from './tables.ts'

/** Where batches become transactions. */
export interface CommitBackend {
  /** Resolves when the batch is durable and readers see it; rejects when nothing of it is stored. */
  commit(batch: Batch): Promise<BatchAnswer>
}

export interface QueueBounds {
  /** Changes, outcomes and blocks that may wait; more is refused. */
  waiting: number
  /** Bytes that may wait. */
  waitingBytes: number
  /** Changes and outcomes of one commit, unless a single request has more. */
  batch: number
  /** Bytes of one commit, likewise. */
  batchBytes: number
}

export const queueBounds: QueueBounds = {
  waiting: 100_000,
  waitingBytes: 128 * 1024 * 1024,
  batch: 1000,
  batchBytes: 512 * 1024,
}

export interface CommitQueueInit {
  backend: CommitBackend
  logger: Logger
  /** ms since the epoch. */
  now(): number
  onChanges(rows: CommittedRow[]): void
  bounds?: Partial<QueueBounds>
}

interface Entry {
  job: Job
  size: JobSize
  resolve(answer: unknown): void
  reject(error: Error): void
}

interface JobSize {
  count: number
  bytes: number
}

export class CommitQueue implements AsyncDisposable {
  readonly #init: CommitQueueInit
  readonly #bounds: QueueBounds
  readonly #merges: Entry[] = []
  readonly #others: Entry[] = []
  #waiting: JobSize = { count: 0, bytes: 0 }
  #running: Promise<void> | undefined
  #mergeNext = false
  #closed = false

  constructor(init: CommitQueueInit) {
    this.#init = init
    this.#bounds = { ...queueBounds, ...init.bounds }
  }

  /** Throws `StoreClosedError` and `StoreBusyError` at once; rejects with what the backend rejects with. */
  submit<Kind extends Job['kind']>(job: Extract<Job, { kind: Kind }>): Promise<JobAnswers[Kind]> {
    if (this.#closed) throw new StoreClosedError()
    const size = sizeOf(job)
    this.#reserve(size)
    return new Promise<JobAnswers[Kind]>((resolve, reject) => {
      const entry: Entry = { job, size, resolve: resolve as (answer: unknown) => void, reject }
      if (job.kind === 'merge') this.#merges.push(entry)
      else this.#others.push(entry)
      this.#running ??= this.#run()
    })
  }

  /** Takes nothing new and commits what waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    await this.#running
  }

  #reserve({ count, bytes }: JobSize): void {
    const { waiting, waitingBytes } = this.#bounds
    const total = { count: this.#waiting.count + count, bytes: this.#waiting.bytes + bytes }
    if (total.count > waiting || total.bytes > waitingBytes)
      throw new StoreBusyError(this.#waiting.count, waiting)
    this.#waiting = total
  }

  async #run(): Promise<void> {
    // What is submitted in the same turn joins the first batch too.
    await Promise.resolve()
    for (let batch = this.#take(); batch.length > 0; batch = this.#take()) await this.#commit(batch)
    this.#running = undefined
  }

  #take(): Entry[] {
    const merge = this.#merges.length > 0 && (this.#mergeNext || this.#others.length === 0)
    this.#mergeNext = !merge
    const queue = merge ? this.#merges : this.#others
    let count = 0
    let bytes = 0
    const end = queue.findIndex(({ size }, index) => {
      count += size.count
      bytes += size.bytes
      return index > 0 && (count > this.#bounds.batch || bytes > this.#bounds.batchBytes)
    })
    return queue.splice(0, end === -1 ? queue.length : end)
  }

  async #commit(entries: Entry[]): Promise<void> {
    const { backend, now } = this.#init
    try {
      const { answers, changes } = await backend.commit({ jobs: entries.map(({ job }) => job), now: now() })
      this.#release(entries)
      if (changes.length > 0) this.#tell(changes)
      for (const [index, entry] of entries.entries()) settle(entry, answers[index])
    } catch (error) {
      this.#release(entries)
      for (const entry of entries) entry.reject(error as Error)
    }
  }

  #release(entries: Entry[]): void {
    for (const { size } of entries) {
      this.#waiting = { count: this.#waiting.count - size.count, bytes: this.#waiting.bytes - size.bytes }
    }
  }

  #tell(changes: CommittedRow[]): void {
    try {
      this.#init.onChanges(changes)
    } catch (error) {
      this.#init.logger.error('a listener to changes failed', { error: String(error) })
    }
  }
}

function settle(entry: Entry, answer: BatchAnswer['answers'][number] | undefined): void {
  if (answer === undefined) entry.reject(new Error(`the store gave no answer to ${entry.job.kind}`))
  else if ('refused' in answer) {
    entry.reject(new BlockRefusedError(answer.refused.cid, answer.refused.problem))
  } else entry.resolve(answer.answer)
}

/** Bytes that a row of a request takes besides its value. */
const rowBytes = 100

function sizeOf(job: Job): JobSize {
  switch (job.kind) {
    case 'write':
      return sum(job.changes, ({ value }) => value?.length ?? 0)
    case 'merge':
      return sum(job.blocks, ({ bytes }) => bytes.length)
    case 'record':
      return sum(job.outcomes, ({ error }) => error.length)
    default:
      return { count: 1, bytes: rowBytes }
  }
}

function sum<Row>(rows: Row[], bytesOf: (row: Row) => number): JobSize {
  return { count: rows.length, bytes: rows.reduce((total, row) => total + bytesOf(row) + rowBytes, 0) }
}
