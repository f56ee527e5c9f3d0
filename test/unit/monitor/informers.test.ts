import { describe, expect, test } from 'bun:test'
import {
  freeSpaceMetric,
  isAnnounceable,
  pingMetric,
  pinQueueMetric,
  repoSizeMetric,
  tagMetrics,
} from '../../../core/monitor/informers.ts'

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
