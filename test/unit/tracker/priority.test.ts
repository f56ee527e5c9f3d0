import { describe, expect, test } from 'bun:test'
import { backoffDelay, itemBackoff } from '../../../core/tracker/backoff.ts'
import {
  classify,
  defaultPrioritySettings,
  isPriorityClass,
  priorityClass,
} from '../../../core/tracker/priority.ts'

const now = 1_800_000_000_000
const day = 24 * 3_600_000

function classOf(kind: 'pin' | 'unpin', age: number, attempts: number) {
  const timestamp = BigInt(now - age) * 1_000_000n
  return classify({ kind, timestamp, attempts, now }, defaultPrioritySettings)
}

describe('classes of work', () => {
  test('new pins come first, until a day after they were logged', () => {
    expect(classOf('pin', day - 1, 0)).toBe(priorityClass.fresh)
    expect(classOf('pin', day, 0)).toBe(priorityClass.old)
  })

  test('a pin from a clock that is ahead is new', () => {
    expect(classOf('pin', -day, 0)).toBe(priorityClass.fresh)
  })

  test('new pins that failed come before old ones, until they have failed more than five times', () => {
    expect(classOf('pin', 0, 5)).toBe(priorityClass.retried)
    expect(classOf('pin', 0, 5)).toBeLessThan(classOf('pin', day, 0))
    expect(classOf('pin', 0, 6)).toBe(priorityClass.failing)
  })

  test('old pins that failed come last', () => {
    expect(classOf('pin', day, 1)).toBe(priorityClass.failing)
  })

  test('unpins are new whatever their pin was', () => {
    expect(classify({ kind: 'unpin', timestamp: undefined, attempts: 0, now }, defaultPrioritySettings)).toBe(
      priorityClass.fresh,
    )
    expect(classOf('unpin', 10 * day, 6)).toBe(priorityClass.failing)
  })

  test('the first two are what the APIs call priority pins', () => {
    expect([0, 1, 2, 3].map(isPriorityClass)).toEqual([true, true, false, false])
  })
})

describe('back-off of an item', () => {
  const middle = { float: () => 0.5, bytes: (length: number) => new Uint8Array(length) }

  test('doubles from 15 s to an hour', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 8, 9, 50].map((n) => backoffDelay(itemBackoff, n, middle) / 1000)
    expect(delays).toEqual([15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600])
  })

  test('is spread by a fifth to both sides', () => {
    expect(backoffDelay(itemBackoff, 1, { ...middle, float: () => 0 })).toBe(12_000)
    expect(backoffDelay(itemBackoff, 1, { ...middle, float: () => 0.999_999 })).toBe(18_000)
  })
})
