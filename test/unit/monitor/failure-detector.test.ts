import { describe, expect, test } from 'bun:test'
import { AlertList, maxAlerts } from '../../../core/monitor/alert-list.ts'
import { FailureDetector } from '../../../core/monitor/failure-detector.ts'
import type { Metric } from '../../../core/monitor/metric.ts'

/** Received at `receivedAt`, for 30. */
function metricOf(peer: string, name: string, receivedAt: bigint, given: Partial<Metric> = {}): Metric {
  const expire = receivedAt + 30n
  return { name, peer, value: '', expire, valid: true, weight: 0, partitionable: false, receivedAt, ...given }
}

describe('the failure detector', () => {
  test('alerts once for each metric that expired, with the last one of it', () => {
    const detector = new FailureDetector()
    const [ping, space] = [metricOf('P', 'ping', 0n), metricOf('P', 'freespace', 10n)]
    const look = (now: bigint) => detector.check([ping, space, metricOf('Q', 'ping', now)], now)
    expect(look(29n)).toEqual([])
    expect(look(30n)).toEqual([{ metric: ping, triggeredAt: 30n }])
    expect(look(45n)).toEqual([{ metric: space, triggeredAt: 45n }])
    expect(look(1_000n)).toEqual([])
  })
  test('goes on after the first peer that died', () => {
    const detector = new FailureDetector()
    const look = (now: bigint, ...peers: string[]) =>
      detector.check(
        peers.map((peer, index) => metricOf(peer, 'ping', BigInt(index) * 100n)),
        now,
      )
    const died = (now: bigint) => look(now, 'P', 'Q', 'R').map(({ metric }) => metric.peer)
    expect([died(40n), died(140n), died(240n), died(340n)]).toEqual([['P'], ['Q'], ['R'], []])
  })
  test('alerts again when a metric was fresh in between, seen or not', () => {
    const detector = new FailureDetector()
    const look = (receivedAt: bigint, now: bigint) => detector.check([metricOf('P', 'ping', receivedAt)], now)
    expect(look(0n, 50n)).toHaveLength(1)
    expect(look(55n, 60n)).toEqual([])
    expect(look(55n, 90n)).toHaveLength(1)
    expect(look(100n, 200n)).toHaveLength(1)
  })
  test('alerts once of a peer whose metrics always come too late', () => {
    const detector = new FailureDetector()
    const late = (now: bigint) => detector.check([metricOf('P', 'ping', now, { expire: now - 5n })], now)
    expect([late(100n).length, late(115n).length, late(130n).length]).toEqual([1, 0, 0])
  })
  test('has nothing to say of metrics that are not valid', () => {
    const metric = metricOf('P', 'freespace', 0n, { valid: false })
    expect(new FailureDetector().check([metric], 100n)).toEqual([])
  })
  test('forgets what it is not shown any more', () => {
    const detector = new FailureDetector()
    const metric = metricOf('P', 'ping', 0n)
    expect(detector.check([metric], 50n)).toHaveLength(1)
    expect(detector.check([], 60n)).toEqual([])
    expect(detector.check([metric], 70n)).toHaveLength(1)
  })
})

describe('the list of alerts', () => {
  test('has the newest first and drops the oldest', () => {
    const list = new AlertList()
    const alert = (number: number) => ({
      metric: metricOf(`P${number}`, 'ping', 0n),
      triggeredAt: BigInt(number),
    })
    for (let number = 0; number < maxAlerts + 5; number += 5)
      list.add([0, 1, 2, 3, 4].map((more) => alert(number + more)))
    const times = list.newestFirst().map(({ triggeredAt }) => Number(triggeredAt))
    expect(times).toHaveLength(maxAlerts)
    expect([times.at(0), times.at(-1)]).toEqual([maxAlerts + 4, 5])
  })
})
