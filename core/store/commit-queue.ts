/**
 * Group commit: jobs that come while a commit runs share the next one and its one sync. Merges and the rest take turns,
 * so that a long merge delays a write by one commit and not by all that wait. Nobody waits for the tracker's records as
 * clients wait for writes: just after a write they wait for the next one, which a client that writes one by one is about
 * to send, and neither delay it nor cost a sync of their own.
 */
import type { Runtime, Timer } from '../runtime/ports.ts'
import { BlockRefusedError, StoreBusyError, StoreClosedError } from './errors.ts'
import type { Batch, BatchAnswer, Job, JobAnswers, KeyChangeRequest } from './jobs.ts'
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

/** Milliseconds after a write for which records wait for the next one. */
const writePause = 2

export interface CommitQueueInit {
  backend: CommitBackend
  runtime: Pick<Runtime, 'clock' | 'scheduler' | 'logger'>
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
  /** The last commit had a write, and another one may be on its way. */
  #isAfterWrite = false
  #pause: Timer | undefined
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
      this.#begin()
    })
  }

  /** Takes nothing new and commits what waits. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#begin()
    await this.#running
  }

  #reserve({ count, bytes }: JobSize): void {
    const { waiting, waitingBytes } = this.#bounds
    const total = { count: this.#waiting.count + count, bytes: this.#waiting.bytes + bytes }
    if (total.count > waiting || total.bytes > waitingBytes)
      throw new StoreBusyError(this.#waiting.count, waiting)
    this.#waiting = total
  }

  #begin(): void {
    if (this.#running !== undefined) return
    if (this.#mayPause()) {
      this.#pause ??= this.#init.runtime.scheduler.after(writePause, () => {
        this.#pause = undefined
        this.#isAfterWrite = false
        this.#begin()
      })
      return
    }
    this.#pause?.cancel()
    this.#pause = undefined
    this.#running = this.#run()
  }

  /** True while only records wait, and for a write to share its commit. */
  #mayPause(): boolean {
    if (!this.#isAfterWrite || this.#closed || this.#merges.length > 0) return false
    return this.#others.every(({ job }) => job.kind === 'record')
  }

  async #run(): Promise<void> {
    // What is submitted in the same turn joins the first batch too.
    await Promise.resolve()
    while (this.#merges.length + this.#others.length > 0 && !this.#mayPause()) {
      await this.#commit(this.#take())
    }
    this.#running = undefined
    if (this.#others.length > 0) this.#begin()
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
    const { backend, runtime } = this.#init
    const jobs = entries.map(({ job }) => job)
    try {
      const { answers, changes } = await backend.commit({ jobs, now: runtime.clock.now() })
      this.#isAfterWrite = jobs.some(({ kind }) => kind === 'write')
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
      this.#init.runtime.logger.error('a listener to changes failed', { error: String(error) })
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
      return sum(job.changes, bytesOfChange)
    case 'merge':
      return sum(job.blocks, ({ bytes }) => bytes.length)
    case 'record':
      return sum(job.outcomes, ({ error }) => error.length)
    default:
      return { count: 1, bytes: rowBytes }
  }
}

function bytesOfChange(change: KeyChangeRequest): number {
  const value = 'value' in change ? change.value.length : 0
  return 'from' in change ? value + change.from.length : value
}

function sum<Row>(rows: Row[], bytesOf: (row: Row) => number): JobSize {
  return { count: rows.length, bytes: rows.reduce((total, row) => total + bytesOf(row) + rowBytes, 0) }
}
