import { describe, expect, test } from 'bun:test'
import type { LocalRecord, WaitingWork } from '../../../core/runtime/store.ts'
import { keyOf } from '../../../core/tracker/events.ts'
import { Lanes, type Next, type Turn } from '../../../core/tracker/lanes.ts'
import { priorityClass, priorityClasses } from '../../../core/tracker/priority.ts'
import { contentCid } from '../../sim/content.ts'

const now = 1_000
const { fresh, retried, old, failing } = priorityClass
const turn: Turn = { now, isFair: false, mayRetry: true }
const held = (...names: string[]) => {
  const keys = new Set(names.map((name) => keyOf(contentCid(name))))
  return (key: string) => keys.has(key)
}
const nothingHeld = held()

function waiting(name: string, nextTryAt = 0): WaitingWork {
  return { record: { cid: contentCid(name), nextTryAt } as LocalRecord }
}

/** Lanes of which all is read: these rows of each class, and nothing behind them. */
function lanesWith(rows: Partial<Record<number, WaitingWork[]>> = {}): Lanes {
  const lanes = new Lanes()
  for (const priority of priorityClasses) lanes.fill(priority, rows[priority] ?? [], 100, nothingHeld)
  return lanes
}

/** What was taken by its name, anything else as it is. */
function nameOf(next: Next, ...names: string[]): unknown {
  return 'work' in next ? names.find((name) => keyOf(contentCid(name)) === next.key) : next
}

describe('the next try', () => {
  test('comes from the highest class that has one due, the longest due first', () => {
    const lanes = lanesWith({
      [fresh]: [waiting('not yet', now + 5)],
      [retried]: [waiting('second', 10), waiting('third', 20)],
      [old]: [waiting('longest', 1)],
    })
    const names = ['second', 'third', 'longest']
    for (const name of names) expect(nameOf(lanes.next(turn), ...names)).toBe(name)
    expect(lanes.next(turn)).toEqual({ wait: now + 5 })
  })

  test('is the longest due of all in a fair turn', () => {
    const lanes = lanesWith({ [fresh]: [waiting('new', 10)], [failing]: [waiting('longest', 1)] })
    expect(nameOf(lanes.next({ ...turn, isFair: true }), 'new', 'longest')).toBe('longest')
    expect(nameOf(lanes.next({ ...turn, isFair: true }), 'new', 'longest')).toBe('new')
  })

  test('is one that never failed when none may be tried again', () => {
    const lanes = lanesWith({ [retried]: [waiting('failed')], [old]: [waiting('old')] })
    const mayRetry = false
    expect(nameOf(lanes.next({ ...turn, mayRetry }), 'failed', 'old')).toBe('old')
    expect(lanes.next({ ...turn, mayRetry })).toEqual({ wait: undefined })
    expect(nameOf(lanes.next(turn), 'failed')).toBe('failed')
  })

  test('is waited for until the first is due, if anything waits', () => {
    expect(lanesWith().next(turn)).toEqual({ wait: undefined })
    const lanes = lanesWith({ [fresh]: [waiting('later', now + 9)], [failing]: [waiting('soon', now + 3)] })
    expect(lanes.next(turn)).toEqual({ wait: now + 3 })
    expect(nameOf(lanes.next({ ...turn, now: now + 3 }), 'soon')).toBe('soon')
  })
})

describe('a clock that was set back', () => {
  const record = (name: string, status: LocalRecord['status'], nextTryAt: number): WaitingWork => ({
    record: { cid: contentCid(name), status, nextTryAt } as LocalRecord,
  })
  const hour = 3_600_000

  test('holds up nothing that is in the queue, also behind what waits for its time', () => {
    for (const status of ['pin_queued', 'unpin_queued', 'unexpectedly_unpinned'] as const) {
      const rows = [record('failed', 'pin_error', now + hour), record('queued', status, now + hour + 1)]
      expect(nameOf(lanesWith({ [failing]: rows }).next(turn), 'queued', 'failed')).toBe('queued')
    }
  })

  test('holds up nothing that failed for longer than a failure does', () => {
    const lanes = lanesWith({
      [failing]: [
        record('soon', 'pin_error', now + 1.2 * hour),
        record('late', 'pin_error', now + 24 * hour),
      ],
    })
    expect(nameOf(lanes.next(turn), 'late', 'soon')).toBe('late')
    expect(lanes.next(turn)).toEqual({ wait: now + 1.2 * hour })
  })

  test('tries nothing that is not to be tried by itself', () => {
    const lanes = lanesWith({ [failing]: [record('refused', 'unpin_error', Number.MAX_SAFE_INTEGER)] })
    expect(lanes.next(turn)).toEqual({ wait: Number.MAX_SAFE_INTEGER })
  })
})

describe('a class', () => {
  test('is read before it is passed over, and only then', () => {
    const lanes = new Lanes()
    expect(lanes.next(turn)).toEqual({ read: fresh })
    lanes.fill(fresh, [waiting('new')], 100, nothingHeld)
    expect(nameOf(lanes.next(turn), 'new')).toBe('new')
    expect(lanes.next(turn)).toEqual({ read: retried })
  })

  test('is read again when something came, or what was read of it holds no more', () => {
    const lanes = lanesWith({ [old]: [waiting('changed'), waiting('other')] })
    lanes.news(retried)
    expect(lanes.next(turn)).toEqual({ read: retried })
    lanes.fill(retried, [], 100, nothingHeld)
    lanes.drop(keyOf(contentCid('changed')))
    // The rest of it is as good as it was.
    expect(nameOf(lanes.next(turn), 'changed', 'other')).toBe('other')
    expect(lanes.next(turn)).toEqual({ read: old })
    lanes.fill(old, [], 100, nothingHeld)
    lanes.news()
    expect(lanes.next(turn)).toEqual({ read: fresh })
  })

  test('with something due is not read because of news', () => {
    const lanes = lanesWith({ [fresh]: [waiting('first'), waiting('second')] })
    lanes.news(fresh)
    expect(nameOf(lanes.next(turn), 'first', 'second')).toBe('first')
    expect(nameOf(lanes.next(turn), 'first', 'second')).toBe('second')
    expect(lanes.next(turn)).toEqual({ read: fresh })
  })

  test('is read on when all that was read of it is taken and more waits', () => {
    const lanes = lanesWith()
    expect(lanes.fill(fresh, [waiting('a'), waiting('b')], 2, nothingHeld)).toBe(true)
    lanes.next(turn)
    lanes.next(turn)
    expect(lanes.next(turn)).toEqual({ read: fresh })
    expect(lanes.fill(fresh, [waiting('c')], 2, nothingHeld)).toBe(true)
    expect(nameOf(lanes.next(turn), 'c')).toBe('c')
    expect(lanes.next(turn)).toEqual({ wait: undefined })
  })

  test('passes over what is held, and says when nothing else was read although more waits', () => {
    const lanes = lanesWith()
    expect(lanes.fill(fresh, [waiting('a'), waiting('b')], 2, held('a'))).toBe(true)
    expect(nameOf(lanes.next(turn), 'a', 'b')).toBe('b')
    expect(lanes.fill(fresh, [waiting('a'), waiting('b')], 2, held('a', 'b'))).toBe(false)
    expect(lanes.fill(fresh, [waiting('a'), waiting('b')], 3, held('a', 'b'))).toBe(true)
  })
})
