import { describe, expect, test } from 'bun:test'
import { AlertList, maxAlerts } from '../../../core/monitor/alert-list.ts'
import { FailureDetector } from '../../../core/monitor/failure-detector.ts'
import type { Metric } from '../../../core/monitor/metric.ts'
import type { HeardMetric } from '../../../core/monitor/metric-window.ts'

function metricOf(peer: string, name = 'ping'): Metric {
  return { name, peer, value: '', expire: 30n, valid: true, weight: 0, partitionable: false, receivedAt: 0n }
}

const held = (metric: Metric): HeardMetric => ({ metric, holds: true })
const over = (metric: Metric): HeardMetric => ({ metric, holds: false })

describe('the failure detector', () => {
  test('alerts once for each metric that expired, with the last one of it', () => {
    const detector = new FailureDetector()
    const [ping, space] = [metricOf('P'), metricOf('P', 'freespace')]
    expect(detector.check([held(ping), held(space)], 1n)).toEqual([])
    expect(detector.check([over(ping), held(space)], 2n)).toEqual([{ metric: ping, triggeredAt: 2n }])
    expect(detector.check([over(ping), over(space)], 3n)).toEqual([{ metric: space, triggeredAt: 3n }])
    expect(detector.check([over(ping), over(space)], 4n)).toEqual([])
  })
  test('goes on after the first peer that died', () => {
    const detector = new FailureDetector()
    const [p, q, r] = ['P', 'Q', 'R'].map((peer) => metricOf(peer)) as [Metric, Metric, Metric]
    const died = (...heard: HeardMetric[]) => detector.check(heard, 1n).map(({ metric }) => metric.peer)
    expect(died(over(p), held(q), held(r))).toEqual(['P'])
    expect(died(over(p), over(q), held(r))).toEqual(['Q'])
    expect(died(over(p), over(q), over(r))).toEqual(['R'])
    expect(died(over(p), over(q), over(r))).toEqual([])
  })
  test('alerts again when there was another metric in between, seen or not', () => {
    const detector = new FailureDetector()
    const [first, second, third] = [metricOf('P'), metricOf('P'), metricOf('P')]
    expect(detector.check([over(first)], 1n)).toHaveLength(1)
    expect(detector.check([held(second)], 2n)).toEqual([])
    expect(detector.check([over(second)], 3n)).toHaveLength(1)
    expect(detector.check([over(third)], 4n)).toHaveLength(1)
  })
  test('forgets what it is not shown any more', () => {
    const detector = new FailureDetector()
    const metric = metricOf('P')
    expect(detector.check([over(metric)], 1n)).toHaveLength(1)
    expect(detector.check([], 2n)).toEqual([])
    expect(detector.check([over(metric)], 3n)).toHaveLength(1)
  })
})

describe('the list of alerts', () => {
  test('has the newest first and drops the oldest', () => {
    const list = new AlertList()
    const alert = (number: number) => ({
      metric: metricOf(`P${number}`),
      triggeredAt: BigInt(number),
    })
    for (let number = 0; number < maxAlerts + 5; number += 5)
      list.add([0, 1, 2, 3, 4].map((more) => alert(number + more)))
    const times = list.newestFirst().map(({ triggeredAt }) => Number(triggeredAt))
    expect(times).toHaveLength(maxAlerts)
    expect([times.at(0), times.at(-1)]).toEqual([maxAlerts + 4, 5])
  })
})
