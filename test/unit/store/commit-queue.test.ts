/** What shares a commit, and what waits for one. */
import { expect, test } from 'bun:test'
import { type CommitBackend, CommitQueue } from '../../../core/store/commit-queue.ts'
import type { Batch, BatchAnswer, Job } from '../../../core/store/jobs.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { silentLogger } from './fixtures.ts'

const write: Extract<Job, { kind: 'write' }> = { kind: 'write', changes: [] }
const record: Extract<Job, { kind: 'record' }> = { kind: 'record', outcomes: [] }

/** Commits take a millisecond. */
class Rig {
  readonly time = new VirtualTime()
  /** The kinds of the jobs of each commit that began. */
  readonly commits: string[] = []
  readonly queue: CommitQueue

  constructor() {
    const { time, commits } = this
    const backend: CommitBackend = {
      async commit({ jobs }: Batch): Promise<BatchAnswer> {
        commits.push(jobs.map(({ kind }) => kind).join(' '))
        await time.sleep(1)
        return { answers: jobs.map(() => ({ answer: [] })), changes: [] }
      },
    }
    const runtime = { clock: time, scheduler: time, logger: silentLogger }
    this.queue = new CommitQueue({ backend, runtime, onChanges: () => undefined })
  }

  submit(job: Extract<Job, { kind: 'write' | 'record' }>): void {
    void this.queue.submit<'write' | 'record'>(job)
  }
}

test('what comes while a commit runs shares the next one', () => {
  const { queue, time, commits, submit } = bound(new Rig())
  submit(write)
  time.run(0)
  for (const job of [write, record, write]) submit(job)
  time.run(10)
  expect(commits).toEqual(['write', 'write record write'])
  void queue[Symbol.asyncDispose]()
})

test('records that come just after a write wait for the next write and share its commit', () => {
  const { time, commits, submit } = bound(new Rig())
  submit(write)
  time.run(1)
  submit(record)
  time.run(1)
  submit(record)
  submit(write)
  time.run(10)
  expect(commits).toEqual(['write', 'record record write'])
})

test('records that came during the commit of a write wait no longer than those after it', () => {
  const { time, commits, submit } = bound(new Rig())
  submit(write)
  time.run(0)
  submit(record)
  time.run(2.9)
  expect(commits).toEqual(['write'])
  time.run(0.1)
  expect(commits).toEqual(['write', 'record'])
})

test('records are committed at once while nobody writes', () => {
  const { time, commits, submit } = bound(new Rig())
  submit(write)
  time.run(1)
  submit(record)
  time.run(10)
  submit(record)
  time.run(0)
  expect(commits).toEqual(['write', 'record', 'record'])
})

test('closing commits what waits for a write', () => {
  const { queue, time, commits, submit } = bound(new Rig())
  submit(write)
  time.run(1)
  submit(record)
  void queue[Symbol.asyncDispose]()
  time.run(0)
  expect(commits).toEqual(['write', 'record'])
  time.run(10)
  expect(time.step()).toBe(false)
})

function bound(rig: Rig) {
  return { ...rig, submit: rig.submit.bind(rig) }
}
