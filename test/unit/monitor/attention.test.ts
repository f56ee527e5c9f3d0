import { describe, expect, test } from 'bun:test'
import { Attention, type Lapse } from '../../../core/monitor/attention.ts'
import { DrivenClock } from '../../support/driven-clock.ts'

const pingTtl = 30_000

function rig() {
  const clock = new DrivenClock()
  const lapses: Lapse[] = []
  const attention = new Attention({
    clock,
    scheduler: clock,
    pingTtl,
    onLapse: (lapse) => void lapses.push(lapse),
  })
  attention.start()
  const holds = (deadline: number) => attention.judge()(deadline)
  return { clock, lapses, attention, holds }
}

describe('a peer that is there', () => {
  test('counts all time, and keeps nobody longer than agreed', () => {
    const { clock, lapses, attention, holds } = rig()
    clock.run(40_000)
    expect(attention.now()).toBe(40_000)
    expect(holds(40_001)).toBe(true)
    expect(holds(40_000)).toBe(false)
    expect(lapses).toEqual([])
  })
  test('takes a clock that is slewed, or late by a little, for what it is', () => {
    const { clock, lapses, attention } = rig()
    for (let second = 0; second < 100; second++) {
      clock.stop(500)
      clock.shift(5)
      clock.run(1_000)
    }
    expect(lapses).toEqual([])
    expect(attention.now()).toBe(150_000)
  })
  test('looks at nothing any more after the stop', () => {
    const { clock, attention, holds } = rig()
    attention[Symbol.dispose]()
    clock.run(1_000_000)
    expect(holds(1)).toBe(true)
  })
})

describe('a peer that was not there', () => {
  const ways: [string, (clock: DrivenClock) => void, Partial<Lapse>][] = [
    ['its process was stopped', (clock) => clock.stop(600_000), { jump: 0 }],
    ['its machine slept', (clock) => clock.shift(600_000), { late: 0, jump: 600_000 }],
    ['its clock was set back', (clock) => clock.shift(-600_000), { late: 0, jump: -600_000 }],
  ]
  for (const [what, happen, lapse] of ways) {
    test(`because ${what} misses nobody for as long as a ping holds, and then those who are silent`, () => {
      const { clock, lapses, holds } = rig()
      clock.run(20_000)
      happen(clock)
      expect(holds(20_001)).toBe(true)
      expect(lapses).toEqual([expect.objectContaining({ ...lapse, doubt: pingTtl })])
      clock.run(29_000)
      expect(holds(20_001)).toBe(true)
      clock.run(1_000)
      expect(holds(20_001)).toBe(false)
      expect(lapses).toHaveLength(1)
    })
  }
  test('does not bring back who was gone before', () => {
    const { clock, holds } = rig()
    clock.run(20_000)
    clock.stop(600_000)
    expect(holds(20_000)).toBe(false)
  })
  test('does not count the time', () => {
    const { clock, attention } = rig()
    clock.run(20_000)
    clock.stop(600_000)
    clock.run(40_000)
    // What was left until the next look went by with the lapse.
    expect(attention.now()).toBe(59_000)
  })
  test('again and again misses others all the same after four times as long, and tells of it once', () => {
    const { clock, lapses, holds } = rig()
    clock.run(20_000)
    for (let turn = 0; turn < 29; turn++) {
      clock.stop(10_000)
      clock.run(5_000)
      expect(holds(20_001)).toBe(true)
    }
    clock.stop(10_000)
    clock.run(5_000)
    expect(holds(20_001)).toBe(false)
    expect(lapses).toHaveLength(1)
    clock.stop(10_000)
    clock.run(1_000)
    expect(holds(20_001)).toBe(false)
    expect(lapses).toHaveLength(2)
  })
})
