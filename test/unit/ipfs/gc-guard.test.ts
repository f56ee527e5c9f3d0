import { expect, test } from 'bun:test'
import { GcGuard } from '../../../core/ipfs/kubo/gc-guard.ts'
import type { Runtime } from '../../../core/runtime/ports.ts'
import { quietRuntime } from './test-runtime.ts'

const signal = new AbortController().signal

/** Time that only goes when told. */
function manualRuntime(): { runtime: Runtime; advance(ms: number): Promise<void> } {
  let now = 0
  const timers = new Set<{ at: number; task: () => void }>()
  const runtime: Runtime = {
    ...quietRuntime(),
    clock: { now: () => now, monotonic: () => now },
    scheduler: {
      after(ms, task) {
        const timer = { at: now + ms, task }
        timers.add(timer)
        return { cancel: () => timers.delete(timer) }
      },
    },
  }
  return {
    runtime,
    async advance(ms) {
      now += ms
      for (const timer of [...timers].filter(({ at }) => at <= now)) {
        timers.delete(timer)
        timer.task()
      }
      await settle()
    },
  }
}

/** Lets everything run that waits for nothing. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

test('a collection waits for the writes under way and for the grace after the last one', async () => {
  const { runtime, advance } = manualRuntime()
  const guard = new GcGuard(runtime, 1_000)
  const [first, second] = [await guard.write(signal), await guard.write(signal)]
  let collecting = false
  const collection = guard.collect(signal).then((lock) => {
    collecting = true
    return lock
  })
  first[Symbol.dispose]()
  await advance(5_000)
  expect(collecting).toBe(false)
  second[Symbol.dispose]()
  await advance(999)
  expect(collecting).toBe(false)
  await advance(1)
  expect(collecting).toBe(true)
  ;(await collection)[Symbol.dispose]()
})

test('writes wait while a collection runs or waits, and go on together after it', async () => {
  const { runtime } = manualRuntime()
  const guard = new GcGuard(runtime, 0)
  const collection = await guard.collect(signal)
  let writing = 0
  const writes = [1, 2, 3].map(() => guard.write(signal).then(() => writing++))
  await settle()
  expect(writing).toBe(0)
  collection[Symbol.dispose]()
  await Promise.all(writes)
  expect(writing).toBe(3)
})

test('waits end with the signal and leave nothing locked', async () => {
  const { runtime } = manualRuntime()
  const guard = new GcGuard(runtime, 0)
  const write = await guard.write(signal)
  const abort = new AbortController()
  const waits = Promise.allSettled([guard.collect(abort.signal), guard.write(abort.signal)])
  const reason = new Error('enough')
  abort.abort(reason)
  expect(await waits).toEqual([
    { status: 'rejected', reason },
    { status: 'rejected', reason },
  ])
  write[Symbol.dispose]()
  ;(await guard.write(signal))[Symbol.dispose]()
  ;(await guard.collect(signal))[Symbol.dispose]()
})
