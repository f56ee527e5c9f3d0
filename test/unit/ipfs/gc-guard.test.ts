import { expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
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

function manualGuard(init: { grace?: number; patience?: number } = {}) {
  const { runtime, advance } = manualRuntime()
  return { guard: new GcGuard({ runtime, grace: 60_000, patience: 15_000, ...init }), advance }
}

/** What became of a collection that was asked for. */
function follow(collection: Promise<Disposable>): { state: string; lock?: Disposable } {
  const followed: { state: string; lock?: Disposable } = { state: 'waits' }
  collection.then(
    (lock) => Object.assign(followed, { state: 'runs', lock }),
    (error: Error) => Object.assign(followed, { state: `${error.name}: ${error.message}` }),
  )
  return followed
}

const root = CID.parse('bafkreifc4hca3inognou377hfhvu2xfchn2ltzi7yu27jkaeujqqqdbjju')
const other = CID.parse('bafkreifuosuzujyf4i6psbneqtwg2fhplc2wxptc5euspa2gn3bwhnihfu')

test('a collection begins when the writes under way are done and their roots are pinned', async () => {
  const { guard, advance } = manualGuard()
  const write = await guard.write(signal)
  const collection = follow(guard.collect(signal))
  await advance(5_000)
  write.willBePinned([root, other])
  write[Symbol.dispose]()
  await advance(5_000)
  guard.pinned(root)
  await settle()
  expect(collection.state).toBe('waits')
  guard.pinned(other)
  await settle()
  expect(collection.state).toBe('runs')
})

test('writes begin while a collection waits, and it begins after them', async () => {
  const { guard, advance } = manualGuard({ grace: 0, patience: 3_600_000 })
  const long = await guard.write(signal)
  const collection = follow(guard.collect(signal))
  for (let more = 0; more < 5; more++) {
    await advance(60_000)
    ;(await guard.write(signal))[Symbol.dispose]()
  }
  expect(collection.state).toBe('waits')
  long[Symbol.dispose]()
  await settle()
  expect(collection.state).toBe('runs')
})

test('a collection that cannot begin in time says what it waited for, and holds nobody up after it', async () => {
  const { guard, advance } = manualGuard()
  const long = await guard.write(signal)
  await advance(7_200_000)
  const collection = follow(guard.collect(signal))
  await advance(14_999)
  expect(collection.state).toBe('waits')
  await advance(1)
  expect(collection.state).toBe(
    'GuardBusyError: 1 upload of blocks to it still ran, the oldest for 7215 s: run it again when they are done',
  )
  ;(await guard.write(signal))[Symbol.dispose]()
  long[Symbol.dispose]()
})

test('a root that is not pinned in time is named by when it was written', async () => {
  const { guard, advance } = manualGuard()
  const write = await guard.write(signal)
  write.willBePinned([root])
  write[Symbol.dispose]()
  await advance(10_000)
  const collection = follow(guard.collect(signal))
  await advance(15_000)
  expect(collection.state).toStartWith('GuardBusyError: blocks were written to it 25 s ago')
  expect(collection.state).toEndWith('run it again in 35 s')
  await advance(35_000)
  expect(guard.awaited()).toEqual([])
  ;(await guard.collect(signal))[Symbol.dispose]()
})

test('blocks of which nobody knows the root are safe for the grace, which is said at once', async () => {
  const { guard, advance } = manualGuard()
  ;(await guard.write(signal))[Symbol.dispose]()
  await advance(20_000)
  const tooEarly = follow(guard.collect(signal))
  await settle()
  expect(tooEarly.state).toEndWith('run it again in 40 s')
  await advance(30_000)
  const collection = follow(guard.collect(signal))
  await advance(9_999)
  expect(collection.state).toBe('waits')
  await advance(1)
  expect(collection.state).toBe('runs')
})

test('more roots than are remembered are safe for the grace', async () => {
  const { guard, advance } = manualGuard()
  const write = await guard.write(signal)
  write.willBePinned(new Array(10_001).fill(root))
  write[Symbol.dispose]()
  guard.pinned(root)
  const collection = follow(guard.collect(signal))
  await settle()
  expect(collection.state).toStartWith('GuardBusyError')
  await advance(60_000)
  ;(await guard.collect(signal))[Symbol.dispose]()
})

test('writes wait while a collection runs, and go on together after it', async () => {
  const { guard } = manualGuard({ grace: 0 })
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
  const { guard } = manualGuard({ grace: 0 })
  const write = await guard.write(signal)
  const abort = new AbortController()
  const collection = guard.collect(abort.signal)
  const reason = new Error('enough')
  abort.abort(reason)
  expect(await Promise.allSettled([collection])).toEqual([{ status: 'rejected', reason }])
  write[Symbol.dispose]()
  const running = await guard.collect(signal)
  const waiting = new AbortController()
  const blocked = guard.write(waiting.signal)
  waiting.abort(reason)
  expect(await Promise.allSettled([blocked])).toEqual([{ status: 'rejected', reason }])
  running[Symbol.dispose]()
  ;(await guard.write(signal))[Symbol.dispose]()
  ;(await guard.collect(signal))[Symbol.dispose]()
})
