import { expect, test } from 'bun:test'
import { BandwidthMeter } from '../../../core/network/bandwidth.ts'

test('bandwidth is counted in all, and as a rate over the last ten seconds', () => {
  let now = 1_000_000
  const meter = new BandwidthMeter({ now: () => now, monotonic: () => now })
  for (let second = 0; second < 20; second++) {
    meter.count('/a', 'in', 500)
    meter.count('/a', 'in', 500)
    if (second === 0) meter.count('/b', 'out', 7)
    now += 1_000
  }
  const report = meter.byProtocol()
  expect(report.get('/a')).toEqual({ totalIn: 20_000, totalOut: 0, rateIn: 1_000, rateOut: 0 })
  expect(report.get('/b')).toEqual({ totalIn: 0, totalOut: 7, rateIn: 0, rateOut: 0 })
  now += 5_000
  expect(meter.byProtocol().get('/a')!.rateIn).toBe(500)
  now += 3_600_000
  expect(meter.byProtocol().get('/a')).toMatchObject({ totalIn: 20_000, rateIn: 0 })
})
