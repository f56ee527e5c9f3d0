import { describe, expect, test } from 'bun:test'
import { Attention } from '../../../core/monitor/attention.ts'
import type { Metric } from '../../../core/monitor/metric.ts'
import { forgetAfter, MetricWindow, metricLimits } from '../../../core/monitor/metric-window.ts'
import { DrivenClock } from '../../support/driven-clock.ts'

const [second, minute, hour] = [1_000, 60_000, 3_600_000]

function rig() {
  const clock = new DrivenClock()
  const attention = new Attention({ clock, scheduler: clock, pingTtl: 30 * second })
  attention.start()
  const window = new MetricWindow(attention)
  /** A metric comes that its sender, whose clock is `skew` ahead, wants to hold for `ttl`. */
  const hear = (given: Partial<Metric> & { skew?: number; ttl?: number } = {}) => {
    const { skew = 0, ttl = 30 * second, ...rest } = given
    const receivedAt = nanoseconds(clock.now())
    const expire = nanoseconds(clock.now() + skew + ttl)
    const weights = { value: '', valid: true, weight: 0, partitionable: false }
    return window.add({ name: 'ping', peer: 'P', ...weights, receivedAt, expire, ...rest })
  }
  const isAlive = (peer = 'P') => window.current('ping').some((metric) => metric.peer === peer)
  return { clock, window, hear, isAlive }
}

const nanoseconds = (ms: number) => BigInt(Math.round(ms)) * 1_000_000n

describe('the window of metrics', () => {
  test('keeps the newest of each name and peer and leaves out what expired', () => {
    const { clock, window, hear } = rig()
    hear({ value: 'old' })
    hear({ peer: 'Q', value: 'gone' })
    clock.run(10 * second)
    hear({ value: 'new' })
    clock.run(25 * second)
    expect(window.current('ping').map(({ value }) => value)).toEqual(['new'])
    expect(window.latest('ping', 'Q')?.value).toBe('gone')
    expect([window.holds('ping', 'P'), window.holds('ping', 'Q'), window.holds('ping', 'R')]).toEqual([
      true,
      false,
      false,
    ])
  })
  test('refuses metrics that are not valid, too long, or too many of one peer', () => {
    const { hear } = rig()
    expect(hear({ valid: false })).toBe(false)
    expect(hear({ value: 'x'.repeat(metricLimits.textLength + 1) })).toBe(false)
    for (let i = 0; i < metricLimits.namesPerPeer; i++) expect(hear({ name: `n${i}` })).toBe(true)
    expect(hear()).toBe(false)
    expect(hear({ name: 'n0' })).toBe(true)
    expect(hear({ peer: 'Q' })).toBe(true)
  })
  test('forgets peers that were silent for long', () => {
    const { clock, window, hear } = rig()
    hear()
    clock.run(forgetAfter + 29 * second)
    window.forget()
    expect(window.names()).toEqual(['ping'])
    clock.run(2 * second)
    window.forget()
    expect(window.names()).toEqual([])
    expect(window.latest('ping', 'P')).toBeUndefined()
  })
  test('keeps the metrics of peers that do not count, and gives them out when they do', () => {
    const clock = new DrivenClock()
    let counts = false
    const attention = new Attention({ clock, scheduler: clock, pingTtl: 30 * second })
    const window = new MetricWindow(attention, () => counts)
    const now = nanoseconds(clock.now())
    const metric = { name: 'ping', peer: 'P', value: '', valid: true, weight: 0, partitionable: false }
    window.add({ ...metric, receivedAt: now, expire: now + 1_000_000_000n })
    expect([window.current('ping'), window.names(), window.holds('ping', 'P')]).toEqual([[], [], false])
    counts = true
    expect(window.current('ping')).toHaveLength(1)
    expect(window.holds('ping', 'P')).toBe(true)
  })
})

describe('a peer whose clock is wrong', () => {
  test('late by nearly as long as its pings hold, is alive from its second ping on', () => {
    for (const skew of [-20, -25, -29.5]) {
      const { clock, hear, isAlive } = rig()
      for (let ping = 0; ping < 6; ping++) {
        hear({ skew: skew * second })
        clock.run(14.9 * second)
        if (ping > 0) expect([skew, ping, isAlive()]).toEqual([skew, ping, true])
        clock.run(0.1 * second)
      }
    }
  })
  test('late by an hour, is alive from its second ping on for as long as it pings, and missed in time', () => {
    const { clock, hear, isAlive } = rig()
    hear({ skew: -hour })
    expect(isAlive()).toBe(false)
    for (let ping = 0; ping < 20; ping++) {
      clock.run(15 * second)
      hear({ skew: -hour })
      expect(isAlive()).toBe(true)
    }
    clock.run(29 * second)
    expect(isAlive()).toBe(true)
    clock.run(2 * second)
    expect(isAlive()).toBe(false)
  })
  test('late, stays alive for as long as the metric before said when several come at once', () => {
    const { clock, hear, isAlive } = rig()
    hear()
    for (let more = 0; more < 3; more++) {
      clock.run(1)
      hear({ skew: -34 * second })
    }
    clock.run(29 * second)
    expect(isAlive()).toBe(true)
    clock.run(second)
    expect(isAlive()).toBe(false)
  })
  test('late, is alive until its next ping when it tells several at once, and nothing was heard before', () => {
    const { clock, hear, isAlive } = rig()
    for (let more = 0; more < 2; more++) {
      clock.run(100)
      hear({ skew: -39 * second })
    }
    for (let ping = 0; ping < 5; ping++) {
      clock.run(15 * second)
      expect([ping, isAlive()]).toEqual([ping, true])
      hear({ skew: -39 * second })
    }
  })
  test('ahead by a day, is missed two minutes after its last ping', () => {
    const { clock, hear, isAlive } = rig()
    for (let ping = 0; ping < 5; ping++) {
      hear({ skew: 24 * hour })
      clock.run(15 * second)
    }
    clock.run(104 * second)
    expect(isAlive()).toBe(true)
    clock.run(2 * second)
    expect(isAlive()).toBe(false)
  })
  test('ahead by a day, is missed ten minutes after it was heard only once', () => {
    const { clock, hear, isAlive } = rig()
    hear({ skew: 24 * hour })
    clock.run(10 * minute - 1)
    expect(isAlive()).toBe(true)
    clock.run(1)
    expect(isAlive()).toBe(false)
  })
  test('and set right, back or on, stays alive', () => {
    const { clock, hear, isAlive } = rig()
    for (const skew of [0, 5 * hour, 0, -5 * hour, 0]) {
      for (let ping = 0; ping < 5; ping++) {
        hear({ skew })
        for (let part = 0; part < 3; part++) {
          expect(isAlive()).toBe(true)
          clock.run(5 * second)
        }
      }
    }
  })
  test('on this side, misses nobody: others ping on', () => {
    const { clock, hear, isAlive } = rig()
    for (const shift of [0, 5 * hour, -10 * hour, 5 * hour]) {
      clock.shift(shift)
      for (let ping = 0; ping < 5; ping++) {
        // What the others write is by their own clocks, which were not set.
        const skew = shift === 5 * hour ? 0 : -shift
        hear({ skew })
        clock.run(15 * second)
        expect(isAlive()).toBe(true)
      }
    }
  })
})

describe('an old metric that is sent again', () => {
  test('does not bring back a peer that is gone', () => {
    const { clock, window, hear, isAlive } = rig()
    hear({ value: 'first' })
    clock.run(15 * second)
    hear({ value: 'last' })
    const { expire } = window.latest('ping', 'P')!
    clock.run(hour)
    hear({ expire, value: 'again' })
    expect(isAlive()).toBe(false)
    expect(window.latest('ping', 'P')?.value).toBe('last')
  })
  test('is no sign of life when nothing else was ever heard of its peer', () => {
    const { window, hear, isAlive } = rig()
    hear({ skew: -hour })
    expect(isAlive()).toBe(false)
    expect([...window.newest()]).toEqual([])
  })
})

describe('a peer that pings seldom', () => {
  test('is alive as long as its pings claim', () => {
    const { clock, hear, isAlive } = rig()
    for (let ping = 0; ping < 5; ping++) {
      hear({ ttl: 10 * minute })
      clock.run(5 * minute)
      expect(isAlive()).toBe(true)
    }
    clock.run(5 * minute - 1)
    expect(isAlive()).toBe(true)
    clock.run(1)
    expect(isAlive()).toBe(false)
  })
  test('for its slowness is given the time that it usually takes', () => {
    const { clock, hear, isAlive } = rig()
    for (let ping = 0; ping < 5; ping++) {
      hear()
      clock.run(45 * second)
    }
    expect(isAlive()).toBe(true)
  })
  test('and was away for an hour is missed in time when it goes again', () => {
    const { clock, hear, isAlive } = rig()
    for (const pause of [15 * second, 15 * second, hour, 15 * second, 15 * second]) {
      hear()
      clock.run(pause)
    }
    hear()
    clock.run(30 * second)
    expect(isAlive()).toBe(false)
  })
})
