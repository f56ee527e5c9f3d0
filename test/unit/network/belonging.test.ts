import { describe, expect, test } from 'bun:test'
import type { PeerId } from '@libp2p/interface'
import { Belonging } from '../../../core/network/belonging.ts'
import { Refusals } from '../../../core/network/refusals.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { silentLogger as logger } from '../api/silent-runtime.ts'

const heads = 'heads of ours'
const metrics = 'metrics'

/** A host and its pubsub, as far as they are listened to. */
function rig() {
  const time = new VirtualTime()
  const refusals = new Refusals(logger)
  const host = new EventTarget()
  const subscribers = new Map<string, Set<string>>()
  const pubsub = Object.assign(new EventTarget(), {
    getSubscribers: (topic: string) => [...(subscribers.get(topic) ?? [])] as unknown as PeerId[],
  })
  const belonging = new Belonging({
    host: host as never,
    pubsub: pubsub as never,
    clusterName: 'ours',
    headsTopic: heads,
    metricsTopic: metrics,
    refusals,
    logger,
    scheduler: time,
  })
  return {
    belonging,
    refused: () => refusals.counts().get('peer of another cluster') ?? 0,
    connect: (peer: string) => host.dispatchEvent(new CustomEvent('peer:connect', { detail: peer })),
    disconnect(peer: string) {
      for (const peers of subscribers.values()) peers.delete(peer)
      host.dispatchEvent(new CustomEvent('peer:disconnect', { detail: peer }))
    },
    subscribe(peer: string, ...topics: string[]) {
      for (const topic of topics) {
        subscribers.set(topic, (subscribers.get(topic) ?? new Set()).add(peer))
      }
      const subscriptions = topics.map((topic) => ({ topic, subscribe: true }))
      pubsub.dispatchEvent(
        new CustomEvent('subscription-change', { detail: { peerId: peer, subscriptions } }),
      )
    },
    wait: (ms: number) => time.runUntil(() => false, ms),
  }
}

describe('a peer', () => {
  test('that was never connected counts', () => {
    const { belonging } = rig()
    expect(belonging.counts('far')).toBe(true)
    expect(belonging.isUnknown('far')).toBe(true)
  })

  test('that connects counts as soon as it takes part in our heads, and not before', () => {
    const { belonging, connect, subscribe, refused, wait } = rig()
    connect('a')
    expect(belonging.counts('a')).toBe(false)
    expect(belonging.isOther('a')).toBe(false)
    subscribe('a', metrics, heads)
    expect(belonging.counts('a')).toBe(true)
    wait(60_000)
    expect(belonging.counts('a')).toBe(true)
    expect(refused()).toBe(0)
  })

  test('that takes part in metrics and not in our heads is of another cluster, and that is told once', () => {
    const { belonging, connect, disconnect, subscribe, refused, wait } = rig()
    connect('a')
    subscribe('a', metrics)
    expect(belonging.counts('a')).toBe(false)
    wait(60_000)
    expect(belonging.isOther('a')).toBe(true)
    expect(belonging.counts('a')).toBe(false)
    expect(refused()).toBe(1)
    disconnect('a')
    expect(belonging.counts('a')).toBe(false)
  })

  test('that is starting has time to subscribe to our heads', () => {
    const { belonging, connect, subscribe, refused, wait } = rig()
    connect('a')
    wait(5_000)
    subscribe('a', metrics)
    wait(9_000)
    subscribe('a', heads)
    expect(belonging.counts('a')).toBe(true)
    wait(60_000)
    expect(refused()).toBe(0)
  })

  test('that was of another cluster belongs here once it takes part in our heads, and the other way round', () => {
    const { belonging, connect, disconnect, subscribe, wait } = rig()
    connect('a')
    subscribe('a', metrics)
    wait(60_000)
    disconnect('a')
    connect('a')
    subscribe('a', metrics, heads)
    expect(belonging.counts('a')).toBe(true)
    disconnect('a')
    connect('a')
    subscribe('a', metrics)
    // As long as nothing else is known, what was known before holds.
    expect(belonging.counts('a')).toBe(true)
    wait(60_000)
    expect(belonging.counts('a')).toBe(false)
  })

  test('that says nothing on any topic is not judged', () => {
    const { belonging, connect, refused, wait } = rig()
    connect('a')
    wait(60_000)
    expect(belonging.isOther('a')).toBe(false)
    expect(belonging.isUnknown('a')).toBe(true)
    expect(refused()).toBe(0)
  })
})
