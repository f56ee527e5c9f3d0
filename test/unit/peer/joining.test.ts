import { describe, expect, test } from 'bun:test'
import { pingMetric } from '../../../core/monitor/informers.ts'
import { MetricWindow } from '../../../core/monitor/metric-window.ts'
import { Joining } from '../../../core/peer/joining.ts'
import type { PeerCalls } from '../../../core/peer/peer-calls.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { alwaysAttentive } from '../../support/driven-clock.ts'
import { type KeptLine, keepingLogger } from '../api/silent-runtime.ts'

function rig({ known = [], call }: { known?: string[]; call?: (peer: string) => Promise<unknown> } = {}) {
  const time = new VirtualTime()
  const log: KeptLine[] = []
  const window = new MetricWindow(alwaysAttentive(time))
  const called: string[] = []
  let announced = 0
  const calls = {
    async call(peer: string, method: { name: string }) {
      called.push(`${method.name} of ${peer}`)
      return (await call?.(peer)) ?? {}
    },
  } as unknown as PeerCalls
  const joining = new Joining({
    self: 'self',
    window,
    calls,
    known,
    pingInterval: 15_000,
    announce: () => void announced++,
    runtime: { clock: time, scheduler: time, random: new SeededRandom(1), logger: keepingLogger(log) },
  })
  const alive = () => window.current('ping').map(({ peer }) => peer)
  return { time, log, window, called, joining, alive, announced: () => announced }
}

describe('a peer that starts', () => {
  test('counts the peers that it knew alive when they are connected, for as long as a ping would', () => {
    const { time, joining, alive } = rig({ known: ['P'] })
    joining.connected('P')
    joining.connected('stranger')
    expect(alive()).toEqual(['P'])
    time.run(29_999)
    expect(alive()).toEqual(['P'])
    time.run(1)
    expect(alive()).toEqual([])
    joining.connected('P')
    expect(alive()).toEqual([])
  })
  test('takes the word of a peer that has pinged already', () => {
    const { time, window, joining } = rig({ known: ['P'] })
    const report = { peer: 'P', now: BigInt(time.now()) * 1_000_000n, ttl: 30_000_000_000n }
    window.add(pingMetric(report, 'its name', undefined))
    joining.connected('P')
    expect(window.latest('ping', 'P')?.value).toContain('its name')
  })
  test('knows the name of a peer that is alive again before its first ping', () => {
    const { time, window, joining, alive } = rig()
    const report = { peer: 'P', now: BigInt(time.now()) * 1_000_000n, ttl: 30_000_000_000n }
    window.add(pingMetric(report, 'its name', undefined))
    time.run(60_000)
    expect(alive()).toEqual([])
    joining.countAlive('P')
    expect(alive()).toEqual(['P'])
    expect(window.latest('ping', 'P')?.value).toContain('its name')
  })
  test('tells of itself as soon as others listen, once for many, and once a second at most', () => {
    const { time, joining, announced } = rig()
    for (let peer = 0; peer < 50; peer++) joining.heardBy()
    expect(announced()).toBe(0)
    time.run(100)
    expect(announced()).toBe(1)
    joining.heardBy()
    time.run(999)
    expect(announced()).toBe(1)
    time.run(1)
    expect(announced()).toBe(2)
    time.run(60_000)
    joining.heardBy()
    time.run(100)
    expect(announced()).toBe(3)
  })
})

describe('joining', () => {
  test('calls each peer but itself, a moment after its first answer, and counts it alive', () => {
    const { time, called, joining, alive, log } = rig()
    joining.join(['P', 'self', 'Q'])
    time.run(999)
    expect(called).toEqual(['Cluster.Version of P', 'Cluster.Version of Q'])
    expect(alive()).toEqual([])
    time.run(1)
    expect(called.slice(2)).toEqual(['Cluster.PeerAdd of P', 'Cluster.PeerAdd of Q'])
    expect(alive()).toEqual(['P', 'Q'])
    time.run(600_000)
    expect(called).toHaveLength(4)
    expect(log.map(({ message }) => message)).toEqual(['joined the cluster', 'joined the cluster'])
  })
  test('that fails is tried again, ever more seldom, until it is done; each cause is logged once', () => {
    let cause: string | undefined = 'no way there'
    const { time, called, joining, alive, log } = rig({
      call: () => (cause === undefined ? Promise.resolve() : Promise.reject(new Error(cause))),
    })
    joining.join(['P'])
    time.run(3_600_000)
    // Once a minute in the end, give or take.
    expect(called.length).toBeGreaterThan(50)
    expect(called.length).toBeLessThan(90)
    expect(alive()).toEqual([])
    expect(log).toHaveLength(1)
    cause = 'another secret'
    time.run(180_000)
    expect(log).toHaveLength(2)
    cause = undefined
    time.run(180_000)
    expect(alive()).toEqual([])
    expect(log.map(({ message }) => message)).toEqual([
      'could not join through this peer; it is tried again and again',
      'could not join through this peer; it is tried again and again',
      'joined the cluster',
    ])
    const calls = called.length
    time.run(3_600_000)
    expect(called).toHaveLength(calls)
  })
  test('that waits for its next try ends with the peer', async () => {
    const { time, called, joining } = rig({ call: () => Promise.reject(new Error('no way there')) })
    joining.join(['P'])
    time.run(0)
    await joining[Symbol.asyncDispose]()
    time.run(600_000)
    expect(called).toEqual(['Cluster.Version of P'])
  })
  test('that is under way ends quietly with the peer', async () => {
    let signal: AbortSignal | undefined
    const { joining, log } = rig()
    const hanging = new Joining({
      self: 'self',
      window: new MetricWindow(alwaysAttentive(new VirtualTime())),
      known: [],
      pingInterval: 15_000,
      announce: () => undefined,
      runtime: {
        clock: new VirtualTime(),
        scheduler: new VirtualTime(),
        random: new SeededRandom(1),
        logger: keepingLogger(log),
      },
      calls: {
        call: (_peer: string, _method: unknown, _argument: unknown, limits: { signal: AbortSignal }) => {
          signal = limits.signal
          return new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal?.reason)))
        },
      } as unknown as PeerCalls,
    })
    hanging.join(['P'])
    await hanging[Symbol.asyncDispose]()
    await joining[Symbol.asyncDispose]()
    expect(signal?.aborted).toBe(true)
    expect(log).toEqual([])
  })
})
