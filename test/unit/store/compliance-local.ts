/** What the store keeps of this peer's own work. */
import { expect, test } from 'bun:test'
import type { LocalRecord, Store, TrackedOutcome, WaitingQuery } from '../../../core/runtime/store.ts'
import { priorityClass, priorityClasses } from '../../../core/tracker/priority.ts'
import type { CreateSubject } from './compliance.ts'
import {
  allPages,
  cidOf,
  failureOf,
  other,
  outcomeOf,
  pinAt,
  pinOf,
  self,
  startTime,
  texts,
  writePins,
} from './fixtures.ts'

const day = 24 * 60 * 60 * 1000

export function localCases(create: CreateSubject): void {
  test('a pin that this peer is to hold gets a record with it, another pin does not', async () => {
    await using subject = await create()
    const { store } = subject
    const { sequence } = await store.write([{ kind: 'pin', pin: pinAt('mine', [self, other]) }])
    await writePins(store, pinAt('theirs', [other]), pinOf('meta', { type: 'meta' }))
    expect(store.local(cidOf('mine'))).toEqual({
      cid: cidOf('mine'),
      want: 'recursive',
      status: 'pin_queued',
      generation: sequence - 1,
      attempts: 0,
      error: '',
      since: startTime,
      nextTryAt: startTime,
      priority: priorityClass.fresh,
      owned: false,
    })
    expect(store.local(cidOf('theirs'))).toBeUndefined()
    expect(store.local(cidOf('meta'))).toBeUndefined()
    expect(store.counts().local).toEqual({ pin_queued: 1 })
  })

  test('an unpin queues what this peer pinned and forgets what it did not', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(store, pinOf('pinned'), pinOf('found'))
    await record(store, 'pinned', { status: 'pinned', owned: true, bytes: 1234 })
    await record(store, 'found', { status: 'pinned', owned: false })
    expect(store.local(cidOf('pinned'))).toMatchObject({ status: 'pinned', bytes: 1234 })
    await store.write(['pinned', 'found'].map((name) => ({ kind: 'unpin', cid: cidOf(name) })))
    expect(store.local(cidOf('pinned'))).toMatchObject({ want: 'none', status: 'unpin_queued', owned: true })
    expect(store.local(cidOf('found'))).toBeUndefined()
    expect(store.counts().local).toEqual({ unpin_queued: 1 })
  })

  test('outcomes of an older generation, and of what is not tracked, are dropped', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(store, pinOf('a'))
    const first = store.local(cidOf('a'))!
    await store.record([outcomeOf(first, { status: 'pinned', owned: true })])
    await store.write([{ kind: 'unpin', cid: cidOf('a') }])
    const second = store.local(cidOf('a'))!
    expect(second.generation).toBeGreaterThan(first.generation)
    const tooOld = await store.record([
      outcomeOf(first, { status: 'pin_error', error: 'late' }),
      outcomeOf(second, { status: 'unpinning' }),
      outcomeOf({ ...first, cid: cidOf('unknown') }, { status: 'pinned' }),
      outcomeOf(second, {}),
    ])
    expect(tooOld).toEqual([0, 2])
    expect(store.local(cidOf('a'))).toEqual(second)
    expect(store.local(cidOf('unknown'))).toBeUndefined()
    expect(await store.record([outcomeOf(second, { status: 'gone' })])).toEqual([])
    expect(store.local(cidOf('a'))).toBeUndefined()
    expect(store.counts().local).toEqual({})
  })

  test('a new record of a CID never has an old generation', async () => {
    await using subject = await create()
    const { store } = subject
    const seen = new Set<number>()
    for (let i = 0; i < 3; i++) {
      await writePins(store, pinOf('a'))
      seen.add(store.local(cidOf('a'))!.generation)
      await store.write([{ kind: 'unpin', cid: cidOf('a') }])
      expect(store.local(cidOf('a'))).toBeUndefined()
    }
    expect(seen.size).toBe(3)
  })

  test('records outlive opening again, and what was in work is queued with its attempts', async () => {
    await using subject = await create()
    await writePins(subject.store, pinOf('pinning'), pinOf('unpinning'), pinOf('failed'))
    await record(subject.store, 'unpinning', { status: 'pinned', owned: true })
    await subject.store.write([{ kind: 'unpin', cid: cidOf('unpinning') }])
    await record(subject.store, 'pinning', { status: 'pinning', attempts: 3, owned: true, error: 'before' })
    await record(subject.store, 'unpinning', { status: 'unpinning', attempts: 1 })
    await record(subject.store, 'failed', {
      status: 'pin_error',
      attempts: 2,
      error: 'no luck',
      nextTryAt: startTime + day,
    })
    const failed = subject.store.local(cidOf('failed'))!
    subject.clock.time += 1000
    await subject.reopen()
    const { store } = subject
    expect(store.local(cidOf('failed'))).toEqual(failed)
    expect(store.local(cidOf('pinning'))).toMatchObject({
      status: 'pin_queued',
      attempts: 3,
      owned: true,
      error: 'before',
      nextTryAt: startTime + 1000,
    })
    expect(store.local(cidOf('unpinning'))).toMatchObject({ status: 'unpin_queued', attempts: 1 })
    expect(store.counts().local).toEqual({ pin_queued: 1, unpin_queued: 1, pin_error: 1 })
  })

  test('what waits comes by class, in the order in which it is due', async () => {
    await using subject = await create()
    const { store } = subject
    const plan: [string, number, number][] = [
      ['failing early', priorityClass.failing, 1],
      ['old', priorityClass.old, 2],
      ['fresh late', priorityClass.fresh, 30],
      ['fresh early', priorityClass.fresh, 20],
      ['retried', priorityClass.retried, 5],
      ['not yet', priorityClass.fresh, 1000],
    ]
    await writePins(store, ...plan.map(([name]) => pinOf(name)))
    for (const [name, priority, nextTryAt] of plan) {
      await record(store, name, { status: 'pin_error', priority, nextTryAt })
    }
    const waiting = (priority: number, fields: Partial<WaitingQuery> = {}) =>
      store.waiting({ kind: 'pin', priority, limit: 10, ...fields }).map(({ pin }) => pin!.name)
    expect(priorityClasses.map((priority) => waiting(priority))).toEqual([
      ['fresh early', 'fresh late', 'not yet'],
      ['retried'],
      ['old'],
      ['failing early'],
    ])
    expect(waiting(priorityClass.fresh, { limit: 2 })).toEqual(['fresh early', 'fresh late'])
    expect(waiting(priorityClass.fresh, { kind: 'unpin' })).toEqual([])
  })

  test('only what waits is in a queue', async () => {
    await using subject = await create()
    const { store } = subject
    const statuses = ['pin_queued', 'pin_error', 'unexpectedly_unpinned', 'pinning', 'pinned'] as const
    await writePins(store, ...statuses.map((status) => pinOf(status)), pinOf('unpinned'))
    for (const status of statuses) await record(store, status, { status, nextTryAt: 1 })
    await record(store, 'unpinned', { status: 'pinned', owned: true })
    await store.write([{ kind: 'unpin', cid: cidOf('unpinned') }])
    const waiting = (kind: WaitingQuery['kind']) =>
      priorityClasses.flatMap((priority) => store.waiting({ kind, priority, limit: 10 }))
    expect(
      waiting('pin')
        .map(({ record: { status } }) => status)
        .sort(),
    ).toEqual(['pin_error', 'pin_queued', 'unexpectedly_unpinned'])
    expect(waiting('unpin')).toEqual([{ record: store.local(cidOf('unpinned'))! }])
    await record(store, 'unpinned', { status: 'unpinning' })
    expect(waiting('unpin')).toEqual([])
  })

  test('one failed record is queued again at once, another is left alone', async () => {
    await using subject = await create()
    const { store, clock } = subject
    await writePins(store, pinOf('failed'), pinOf('fine'))
    await record(store, 'failed', {
      status: 'pin_error',
      attempts: 7,
      error: 'why',
      nextTryAt: startTime + day,
    })
    await record(store, 'fine', { status: 'pinned' })
    const before = store.local(cidOf('failed'))!
    clock.time += 5000
    expect(texts((await store.requeue({ cid: cidOf('failed'), now: clock.time })).rows)).toEqual(
      texts([cidOf('failed')]),
    )
    expect(store.local(cidOf('failed'))).toEqual({
      ...before,
      status: 'pin_queued',
      since: clock.time,
      nextTryAt: clock.time,
    })
    for (const name of ['failed', 'fine', 'unknown']) {
      expect((await store.requeue({ cid: cidOf(name), now: clock.time })).rows).toEqual([])
    }
  })

  test('all failed records are queued again, page by page', async () => {
    await using subject = await create()
    const { store, clock } = subject
    const failures: TrackedOutcome['status'][] = ['pin_error', 'unexpectedly_unpinned', 'unpin_error']
    const pins = Array.from({ length: 30 }, (_, i) => pinOf(`pin ${i}`))
    await writePins(store, ...pins, pinOf('fine'))
    await store.record(pins.map(({ cid }) => outcomeOf(store.local(cid)!, { status: 'pinned', owned: true })))
    await store.write(pins.filter((_, i) => i % 3 === 2).map(({ cid }) => ({ kind: 'unpin', cid })))
    await store.record(
      pins.map(({ cid }, i) =>
        outcomeOf(store.local(cid)!, { status: failures[i % 3]!, nextTryAt: startTime + day }),
      ),
    )
    const queued: string[] = []
    let pages = 0
    for (let after: string | undefined; ; pages++) {
      const page = await store.requeue({
        now: clock.time,
        limit: 4,
        ...(after === undefined ? {} : { after }),
      })
      expect(page.rows.length).toBeLessThanOrEqual(4)
      queued.push(...texts(page.rows))
      if (page.next === undefined) break
      after = page.next
    }
    expect(pages).toBeGreaterThan(5)
    expect(queued.sort()).toEqual(texts(pins.map(({ cid }) => cid)).sort())
    expect(store.counts().local).toEqual({ pin_queued: 21, unpin_queued: 10 })
    expect(await failureOf(store.requeue({ now: 0, limit: 0 }))).toBeInstanceOf(RangeError)
  })

  test('another IPFS node makes every record unproven', async () => {
    await using subject = await create()
    const { store, clock } = subject
    expect(await store.bindIpfs('first')).toBe(false)
    const pins = Array.from({ length: 1100 }, (_, i) => pinOf(`pin ${i}`))
    await writePins(store, ...pins, pinAt('theirs', [other]), pinOf('removed'))
    await store.record(
      [...pins, pinOf('removed')].map(({ cid }) =>
        outcomeOf(store.local(cid)!, { status: 'pinned', owned: true, bytes: 5, attempts: 1 }),
      ),
    )
    await store.write([{ kind: 'unpin', cid: cidOf('removed') }])
    expect(await store.bindIpfs('first')).toBe(false)
    expect(store.counts().local).toEqual({ pinned: 1100, unpin_queued: 1 })
    const before = store.local(pins[0]!.cid)!
    clock.time += 9
    expect(await store.bindIpfs('second')).toBe(true)
    expect(store.counts().local).toEqual({ pin_queued: 1100 })
    const after = store.local(pins[0]!.cid)!
    expect(after).toMatchObject({ status: 'pin_queued', owned: false, attempts: 0, since: clock.time })
    expect(after.bytes).toBeUndefined()
    expect(after.generation).toBeGreaterThan(before.generation)
    expect(store.local(cidOf('removed'))).toBeUndefined()
    expect(await store.bindIpfs('second')).toBe(false)
    await subject.reopen()
    expect(await subject.store.bindIpfs('second')).toBe(false)
  })

  test('counters agree with the rows', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(
      store,
      ...Array.from({ length: 10 }, (_, i) => pinAt(`pin ${i}`, i % 2 === 0 ? [self] : [other])),
    )
    await record(store, 'pin 0', { status: 'pinned', owned: true })
    await record(store, 'pin 2', { status: 'pin_error' })
    await store.write([0, 1, 4].map((i) => ({ kind: 'unpin', cid: cidOf(`pin ${i}`) })))
    await writePins(store, pinAt('pin 1', [self]), pinAt('pin 6', [other]))
    const rows = allPages((after) =>
      store.localRows({ limit: 3, filter: 0, ...(after === undefined ? {} : { after }) }),
    )
    const local: Record<string, number> = {}
    for (const { record: found } of rows) if (found) local[found.status] = (local[found.status] ?? 0) + 1
    expect(store.counts()).toMatchObject({ pins: rows.filter(({ pin }) => pin).length, local })
  })
}

async function record(store: Store, name: string, fields: Partial<TrackedOutcome>): Promise<LocalRecord> {
  const known = store.local(cidOf(name))!
  await store.record([outcomeOf(known, fields)])
  return known
}
