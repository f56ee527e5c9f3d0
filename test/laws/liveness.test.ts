/** Who is alive, whatever the clocks of the peers say and however irregular they are. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { Attention } from '../../core/monitor/attention.ts'
import { MetricWindow } from '../../core/monitor/metric-window.ts'
import { DrivenClock } from '../support/driven-clock.ts'

const [second, minute, day] = [1_000, 60_000, 86_400_000]

function rig() {
  const clock = new DrivenClock()
  const attention = new Attention({ clock, scheduler: clock, pingTtl: 30 * second })
  attention.start()
  const window = new MetricWindow(attention)
  const ping = (skew: number, ttl: number) => {
    const [receivedAt, expire] = [clock.now(), clock.now() + skew + ttl].map((ms) => BigInt(ms) * 1_000_000n)
    const rest = { value: '', valid: true, weight: 0, partitionable: false }
    window.add({ name: 'ping', peer: 'P', ...rest, receivedAt: receivedAt!, expire: expire! })
  }
  return { clock, ping, isAlive: () => window.holds('ping', 'P') }
}

const skews = fc.integer({ min: -30 * day, max: 30 * day })
const intervals = fc.integer({ min: second, max: 5 * minute })
/** Parts of the interval by which a ping comes early or late. */
const jitters = fc.array(fc.double({ min: -0.24, max: 0.24, noNaN: true }), { minLength: 2, maxLength: 40 })

describe('whatever the clock of a peer says', () => {
  test('a peer that pings is alive from its second ping on', () => {
    fc.assert(
      fc.property(skews, intervals, jitters, (skew, interval, parts) => {
        const { clock, ping, isAlive } = rig()
        ping(skew, 2 * interval)
        for (const [index, part] of parts.entries()) {
          clock.run(Math.round(interval * (1 + part)))
          if (index > 0) expect(isAlive()).toBe(true)
          ping(skew, 2 * interval)
          expect(isAlive()).toBe(true)
        }
      }),
    )
  })
  test('a peer that is silent is missed within 20 minutes, and within two when it pinged every 15 s', () => {
    fc.assert(
      fc.property(skews, fc.option(intervals), jitters, (skew, drawn, parts) => {
        const interval = drawn ?? 15 * second
        const { clock, ping, isAlive } = rig()
        for (const part of parts) {
          ping(skew, 2 * interval)
          clock.run(Math.round(interval * (1 + part)))
        }
        ping(skew, 2 * interval)
        clock.run(drawn === null ? 2 * minute : 20 * minute)
        expect(isAlive()).toBe(false)
      }),
    )
  })
})

describe('with clocks that are right', () => {
  test('a peer is missed when its last ping runs out, and at most a quarter later when it pinged irregularly', () => {
    fc.assert(
      fc.property(fc.integer({ min: second, max: minute }), jitters, (interval, parts) => {
        const { clock, ping, isAlive } = rig()
        for (const part of parts) {
          ping(0, 2 * interval)
          clock.run(Math.round(interval * (1 + part)))
        }
        ping(0, 2 * interval)
        clock.run(2 * interval - 1)
        expect(isAlive()).toBe(true)
        clock.run(Math.ceil(interval / 2) + 1)
        expect(isAlive()).toBe(false)
      }),
    )
  })
})

describe('a peer that was not there itself', () => {
  test('misses nobody who was alive before and pings again within the time that a ping holds', () => {
    const lapses = fc.record({
      at: fc.integer({ min: 0, max: 14 * second }),
      stopped: fc.integer({ min: 0, max: day }),
      shifted: skews,
      back: fc.integer({ min: 0, max: 14 * second }),
    })
    fc.assert(
      fc.property(fc.array(lapses, { maxLength: 5 }), (all) => {
        const { clock, ping, isAlive } = rig()
        for (const { at, stopped, shifted, back } of all) {
          for (let pings = 0; pings < 10; pings++) {
            ping(0, 30 * second)
            clock.run(15 * second)
            expect(isAlive()).toBe(true)
          }
          ping(0, 30 * second)
          clock.run(at)
          clock.stop(stopped)
          clock.shift(shifted)
          expect(isAlive()).toBe(true)
          clock.run(back)
          expect(isAlive()).toBe(true)
        }
      }),
    )
  })
})
