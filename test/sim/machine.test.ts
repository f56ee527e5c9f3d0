/** The simulated machine behaves as a real one does when it is killed, paused, or its clock is wrong. */
import { describe, expect, test } from 'bun:test'
import { Incarnation } from './incarnation.ts'
import { PeerClock } from './peer-clock.ts'
import { startOfTime, VirtualTime } from './virtual-time.ts'

describe('a process', () => {
  test('that is paused gets all that came meanwhile when it goes on, in its order', () => {
    const time = new VirtualTime()
    const process = new Incarnation(time)
    const got: string[] = []
    process.scheduler.after(5, () => got.push('timer'))
    const hear = process.heard((what: string) => got.push(what))
    process.pause()
    hear('before')
    time.run(10)
    hear('after')
    expect(got).toEqual([])
    process.goOn()
    time.run(1)
    expect(got).toEqual(['before', 'timer', 'after'])
  })

  test('that is killed while it is paused gets nothing', () => {
    const time = new VirtualTime()
    const process = new Incarnation(time)
    const got: string[] = []
    process.pause()
    process.scheduler.after(5, () => got.push('timer'))
    time.run(10)
    process.kill()
    process.goOn()
    time.run(10)
    expect(got).toEqual([])
  })

  test('can stop a timer that has come due while it was paused', () => {
    const time = new VirtualTime()
    const process = new Incarnation(time)
    const got: string[] = []
    process.scheduler.after(1, () => timer.cancel())
    const timer = process.scheduler.after(2, () => got.push('timer'))
    process.pause()
    time.run(10)
    process.goOn()
    time.run(10)
    expect(got).toEqual([])
  })
})

describe('a clock', () => {
  test('jumps and drifts until it is set right, and intervals are right all the time', () => {
    const time = new VirtualTime()
    const clock = new PeerClock(time)
    clock.jump(-5_000)
    clock.drift(1.5)
    time.run(1_000)
    expect(clock.now()).toBe(startOfTime - 5_000 + 1_500)
    expect(clock.monotonic()).toBe(1_000)
    clock.correct()
    time.run(1_000)
    expect(clock.now()).toBe(startOfTime + 2_000)
  })
})
