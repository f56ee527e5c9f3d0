import { describe, expect, test } from 'bun:test'
import {
  freeSpaceMetric,
  type Headroom,
  isAnnounceable,
  numPinMetric,
  pingMetric,
  pinQueueMetric,
  repoSizeMetric,
  tagMetrics,
} from '../../../core/monitor/informers.ts'

const none: Headroom = { freeBytes: 0, freePercent: 0 }
const report = { peer: 'P', now: 1_000n, ttl: 30n }

describe('informers', () => {
  test('weigh free space and repo size in opposite directions', () => {
    const repo = { size: 400, max: 1_000 }
    expect(freeSpaceMetric(report, repo, none)).toMatchObject({ value: '600', weight: 600, expire: 1_030n })
    expect(repoSizeMetric(report, repo, none)).toMatchObject({ value: '400', weight: -400 })
  })
  test('call a full node invalid instead of giving it a weight', () => {
    const repo = { size: 1_001, max: 1_000 }
    expect(freeSpaceMetric(report, repo, none)).toMatchObject({ valid: false, weight: 0 })
    expect(repoSizeMetric(report, repo, none)).toMatchObject({ valid: false })
  })
  test('call a node invalid that has less room than it is to keep, in bytes or percent', () => {
    for (const make of [freeSpaceMetric, repoSizeMetric]) {
      const isValid = (free: number, headroom: Headroom) =>
        make(report, { size: 1_000 - free, max: 1_000 }, headroom).valid
      expect([51, 50, 49].map((free) => isValid(free, { freeBytes: 0, freePercent: 5 }))).toEqual([
        true,
        true,
        false,
      ])
      expect([200, 199].map((free) => isValid(free, { freeBytes: 200, freePercent: 5 }))).toEqual([
        true,
        false,
      ])
    }
  })
  test('prefer the peer that holds fewer pins, whatever their texts', () => {
    expect(numPinMetric(report, 80)).toMatchObject({ name: 'numpin', value: '80', weight: -80 })
    expect(numPinMetric(report, 0).weight).toBe(0)
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
