import { describe, expect, test } from 'bun:test'
import { Attention } from '../../../core/monitor/attention.ts'
import { pingMetric } from '../../../core/monitor/informers.ts'
import { forgetAfter, MetricWindow } from '../../../core/monitor/metric-window.ts'
import { Alerts } from '../../../core/peer/alerts.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { DrivenClock } from '../../support/driven-clock.ts'
import { type KeptLine, keepingLogger } from '../api/silent-runtime.ts'

function rig() {
  const time = new DrivenClock()
  const log: KeptLine[] = []
  const runtime = { clock: time, scheduler: time, random: new SeededRandom(1), logger: keepingLogger(log) }
  const attention = new Attention({ clock: time, scheduler: time, pingTtl: 30_000 })
  attention.start()
  const window = new MetricWindow(attention)
  const alerts = new Alerts({ window, interval: 15_000, runtime })
  alerts.start()
  const ping = (peer: string) => {
    const report = { peer, now: BigInt(time.now()) * 1_000_000n, ttl: 30_000_000_000n }
    window.add(pingMetric(report, peer, undefined))
  }
  return { time, log, window, alerts, ping }
}

describe('alerts', () => {
  test('come within a look after the last ping has expired, for each peer that goes', () => {
    const { time, log, alerts, ping } = rig()
    for (const peer of ['P', 'Q']) ping(peer)
    time.run(20_000)
    ping('Q')
    time.run(11_000)
    expect(alerts.newestFirst().map(({ metric }) => metric.peer)).toEqual(['P'])
    time.run(30_000)
    expect(alerts.newestFirst().map(({ metric }) => metric.peer)).toEqual(['Q', 'P'])
    expect(log).toHaveLength(2)
  })
  test('end with the metrics of peers that are long gone', () => {
    const { time, window, alerts, ping } = rig()
    ping('P')
    time.run(forgetAfter + 60_000)
    expect(window.names()).toEqual([])
    expect(alerts.newestFirst()).toHaveLength(1)
  })
  test('of many at once are all in the list and some in the log', () => {
    const { time, log, alerts, ping } = rig()
    for (let peer = 0; peer < 100; peer++) ping(`P${peer}`)
    time.run(50_000)
    expect(alerts.newestFirst()).toHaveLength(100)
    expect(log).toHaveLength(21)
  })
  test('are not made of what this peer has slept through, and come again when others stay silent', () => {
    const { time, alerts, ping } = rig()
    for (const peer of ['P', 'Q']) ping(peer)
    time.run(1_000)
    time.stop(3_600_000)
    time.run(20_000)
    ping('Q')
    time.run(9_000)
    expect(alerts.newestFirst()).toEqual([])
    time.run(16_000)
    expect(alerts.newestFirst().map(({ metric }) => metric.peer)).toEqual(['P'])
  })
  test('are not looked for after the stop', () => {
    const { time, alerts, ping } = rig()
    ping('P')
    alerts[Symbol.dispose]()
    time.run(100_000)
    expect(alerts.newestFirst()).toEqual([])
  })
})
