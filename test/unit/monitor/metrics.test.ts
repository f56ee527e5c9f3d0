import { describe, expect, test } from 'bun:test'
import {
  freeSpaceMetric,
  isAnnounceable,
  pingMetric,
  pinQueueMetric,
  repoSizeMetric,
  tagMetrics,
} from '../../../core/monitor/informers.ts'
import { forgetAfter, MetricWindow, metricLimits } from '../../../core/monitor/metric-window.ts'

const report = { peer: 'P', now: 1_000n, ttl: 30n }

describe('informers', () => {
  test('weigh free space and repo size in opposite directions', () => {
    expect(freeSpaceMetric(report, { size: 400, max: 1_000 })).toMatchObject({
      value: '600',
      weight: 600,
      expire: 1_030n,
    })
    expect(repoSizeMetric(report, { size: 400, max: 1_000 })).toMatchObject({ value: '400', weight: -400 })
  })
  test('call a full node invalid instead of giving it a weight', () => {
    expect(freeSpaceMetric(report, { size: 1_001, max: 1_000 })).toMatchObject({ valid: false, weight: 0 })
  })
  test('divide the queue by its bucket toward zero', () => {
    expect(pinQueueMetric(report, 250, 100).weight).toBe(-2)
    expect(pinQueueMetric(report, 80, 100).weight).toBe(0)
    expect(pinQueueMetric(report, 80, 0).weight).toBe(-80)
  })
  test('make tags groups', () => {
    expect(tagMetrics(report, { region: 'eu' })).toEqual([
      expect.objectContaining({ name: 'tag:region', value: 'eu', weight: 0, partitionable: true }),
    ])
  })
  test('tell others only addresses that mean something to them', () => {
    const addresses = [
      '/ip4/127.0.0.1/tcp/4001',
      '/ip4/10.1.2.3/tcp/4001',
      '/ip6/::1/tcp/4001',
      '/dns4/a.example/tcp/1',
    ]
    expect(addresses.filter(isAnnounceable)).toEqual(['/ip4/10.1.2.3/tcp/4001', '/dns4/a.example/tcp/1'])
    expect(JSON.parse(pingMetric(report, 'one', { id: 'I', addresses }).value)).toEqual({
      peer_name: 'one',
      ipfs_id: 'I',
      ipfs_addresses: ['/ip4/10.1.2.3/tcp/4001', '/dns4/a.example/tcp/1'],
    })
  })
})

describe('the window of metrics', () => {
  test('keeps the newest of each name and peer and leaves out what expired', () => {
    const window = new MetricWindow()
    window.add(pingMetric(report, 'old', undefined))
    window.add(pingMetric({ ...report, now: 1_010n }, 'new', undefined))
    window.add(pingMetric({ ...report, peer: 'Q' }, 'gone', undefined))
    expect(window.current('ping', 1_035n).map((metric) => metric.value)).toEqual(['{"peer_name":"new"}'])
    expect(window.latest('ping', 'Q')?.value).toBe('{"peer_name":"gone"}')
  })
  test('refuses more names of a peer than it has room for', () => {
    const window = new MetricWindow()
    const names = Array.from({ length: metricLimits.namesPerPeer }, (_, i) => [`n${i}`, 'v'])
    for (const metric of tagMetrics(report, Object.fromEntries(names))) expect(window.add(metric)).toBe(true)
    expect(window.add(pingMetric(report, 'one too many', undefined))).toBe(false)
  })
  test('forgets peers that were silent for long', () => {
    const window = new MetricWindow()
    window.add(pingMetric(report, 'one', undefined))
    window.forget(1_030n + forgetAfter + 1n)
    expect(window.names()).toEqual([])
  })
})
