import { expect, test } from 'bun:test'
import { Deadline } from '../../../core/runtime/deadline.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'

test('it aborts when the time is over, and says so', () => {
  const time = new VirtualTime()
  const { signal } = new Deadline(time, 2_000)
  time.run(1_999)
  expect(signal.aborted).toBe(false)
  time.run(1)
  expect(String(signal.reason)).toBe('Error: no answer within 2 s')
})

test('it aborts sooner with the reason of the signal that it was given', () => {
  const stop = new AbortController()
  const { signal } = new Deadline(new VirtualTime(), 2_000, { signal: stop.signal })
  stop.abort(new Error('stopping'))
  expect(String(signal.reason)).toBe('Error: stopping')
  expect(new Deadline(new VirtualTime(), 2_000, { signal: stop.signal }).signal.aborted).toBe(true)
})

test('it says what it was given to say, and is never over without a time', () => {
  const time = new VirtualTime()
  const late = () => new Error('too late')
  const { signal } = new Deadline(time, 2_000, { late })
  const { signal: endless } = new Deadline(time, undefined, { late })
  time.run(10_000_000)
  expect(String(signal.reason)).toBe('Error: too late')
  expect(endless.aborted).toBe(false)
})

test('once disposed of it never aborts', () => {
  const time = new VirtualTime()
  const stop = new AbortController()
  const deadline = new Deadline(time, 2_000, { signal: stop.signal })
  deadline[Symbol.dispose]()
  stop.abort()
  time.run(5_000)
  expect(deadline.signal.aborted).toBe(false)
})
