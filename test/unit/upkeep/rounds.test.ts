import { describe, expect, test } from 'bun:test'
import { pause } from '../../../core/runtime/pause.ts'
import type { Logger } from '../../../core/runtime/ports.ts'
import { Pace } from '../../../core/upkeep/pace.ts'
import { Rounds } from '../../../core/upkeep/rounds.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'

/** Rounds of which each takes a second and notes when it began. */
function rig(next: (signal: AbortSignal) => number | Promise<number>) {
  const time = new VirtualTime()
  const began: number[] = []
  const warnings: string[] = []
  const logger: Logger = {
    debug() {},
    info() {},
    warn: (message, fields) => void warnings.push(`${message}: ${fields?.error}`),
    error() {},
    component: () => logger,
  }
  const rounds = new Rounds({
    name: 'the work',
    async round(signal) {
      began.push(time.monotonic())
      await pause(time, 1_000, signal)
      signal.throwIfAborted()
      return next(signal)
    },
    runtime: { clock: time, scheduler: time, logger },
  })
  return { time, began, warnings, rounds }
}

describe('rounds', () => {
  test('follow each other after the pause that each gives', () => {
    const { time, began, rounds } = rig(() => 4_000)
    rounds.within(500)
    time.run(12_000)
    expect(began).toEqual([500, 5_500, 10_500])
  })
  test('come sooner when that is wished, and not later', () => {
    const { time, began, rounds } = rig(() => 10_000)
    rounds.within(0)
    time.run(3_000)
    rounds.within(1_000)
    rounds.within(5_000)
    time.run(4_000)
    expect(began).toEqual([0, 4_000])
  })
  test('never run at the same time: one that is wished for meanwhile follows', () => {
    const { time, began, rounds } = rig(() => 10_000)
    rounds.within(0)
    time.run(500)
    rounds.within(100)
    rounds.within(200)
    time.run(9_000)
    expect(began).toEqual([0, 1_100])
  })
  test('that fail are told of once and tried again after a while', () => {
    const { time, began, warnings, rounds } = rig(() => Promise.reject(new Error('no disk')))
    rounds.within(0)
    time.run(25_000)
    expect(began).toEqual([0, 11_000, 22_000])
    expect(warnings).toEqual(['the work failed; it is tried again: Error: no disk'])
  })
  test('end without a word when they are disposed of, and none begins any more', async () => {
    const { time, began, warnings, rounds } = rig(() => 0)
    rounds.within(0)
    time.run(500)
    await rounds[Symbol.asyncDispose]()
    rounds.within(0)
    time.run(10_000)
    expect(began).toEqual([0])
    expect(warnings).toEqual([])
  })
})

describe('a pace', () => {
  test('lets as many pins through in a second as its rate, and saves up nothing', () => {
    const time = new VirtualTime()
    const pace = new Pace(10, { clock: time, scheduler: time })
    const { signal } = new AbortController()
    const passed: number[] = []
    const wait = (pins: number) => void pace.wait(pins, signal).then(() => passed.push(time.monotonic()))
    time.run(60_000)
    for (let times = 0; times < 4; times++) wait(5)
    time.run(10_000)
    expect(passed).toEqual([60_000, 60_500, 61_000, 61_500])
  })
})
