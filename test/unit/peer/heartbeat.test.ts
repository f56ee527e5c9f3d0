import { describe, expect, test } from 'bun:test'
import type { Metric } from '../../../core/monitor/metric.ts'
import { Heartbeat, type HeartbeatSettings } from '../../../core/peer/heartbeat.ts'
import type { Ipfs, IpfsRepoStat } from '../../../core/runtime/ipfs.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { type KeptLine, keepingLogger } from '../api/silent-runtime.ts'

const none: HeartbeatSettings = {
  peerName: 'one',
  pingInterval: 15_000,
  disk: undefined,
  tags: undefined,
  pinQueue: undefined,
  numPin: undefined,
}
const disk = {
  ttl: 30_000,
  type: 'freespace',
  headroom: { freeBytes: 0, freePercent: 5 },
} as const

function rig(
  settings: Partial<HeartbeatSettings>,
  repoStat: () => IpfsRepoStat = () => ({ size: 0, max: 1 }),
) {
  const time = new VirtualTime()
  const log: KeptLine[] = []
  const published: Metric[] = []
  const looks: boolean[] = []
  const heartbeat = new Heartbeat({
    self: 'self',
    settings: { ...none, ...settings },
    ipfs: { repoStat: async () => repoStat() } as unknown as Ipfs,
    ipfsView: () => ({ identity: undefined, error: '' }),
    queueSize: () => 7,
    pinned: () => 42,
    publish: (metric) => void published.push(metric),
    onRepo: (isNearlyFull) => void looks.push(isNearlyFull),
    runtime: { clock: time, scheduler: time, random: new SeededRandom(1), logger: keepingLogger(log) },
  })
  void heartbeat.beat()
  const told = (name: string) => published.filter((metric) => metric.name === name)
  return { time, log, looks, published, told, heartbeat }
}

describe('a peer tells of itself', () => {
  test('at once and then after half of the time that a metric holds', () => {
    const { time, told } = rig({ disk, pinQueue: { ttl: 20_000, weightBucketSize: 1 } })
    time.run(0)
    expect([told('ping').length, told('freespace').length, told('pinqueue').length]).toEqual([1, 1, 1])
    time.run(30_000)
    expect([told('ping').length, told('freespace').length, told('pinqueue').length]).toEqual([3, 3, 4])
  })
  test('only what its configuration has', () => {
    const { time, published } = rig({ tags: { ttl: 30_000, tags: {} } })
    time.run(60_000)
    expect(new Set(published.map(({ name }) => name))).toEqual(new Set(['ping']))
  })
  test('how many pins it holds, every five seconds, when it is to', () => {
    const { time, told } = rig({ numPin: { ttl: 10_000 } })
    time.run(10_000)
    expect(told('numpin').map(({ value }) => value)).toEqual(['42', '42', '42'])
  })
})

describe('a metric that cannot be read', () => {
  test('is tried again sooner, and logged the first time and each tenth', () => {
    let isDown = true
    const { time, log, told } = rig({ disk }, () => {
      if (isDown) throw new Error('the node is down')
      return { size: 0, max: 1 }
    })
    time.run(0)
    expect(log.map(({ message }) => message)).toEqual(['a metric could not be read'])
    time.run(9 * 7_500)
    expect(log).toHaveLength(1)
    time.run(7_500)
    expect(log).toHaveLength(2)
    isDown = false
    time.run(7_500)
    expect(told('freespace')).toHaveLength(1)
    isDown = true
    time.run(15_000)
    expect(log).toHaveLength(3)
  })
})

describe('a node that is nearly full', () => {
  test('is told of as having no valid space, until there is room again', () => {
    let size = 900
    const { time, looks, told } = rig({ disk }, () => ({ size, max: 1_000 }))
    time.run(0)
    size = 960
    time.run(45_000)
    size = 940
    time.run(15_000)
    expect(told('freespace').map(({ valid }) => valid)).toEqual([true, false, false, false, true])
    expect(looks).toEqual([false, true, true, true, false])
  })
})
