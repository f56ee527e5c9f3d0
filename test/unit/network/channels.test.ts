import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { Metric } from '../../../core/monitor/metric.ts'
import { headsTopic, metricsTopic } from '../../../core/network/topics.ts'
import { eventually, type NetworkPeer, startNetworkPeer, testSettings } from '../../support/network-peer.ts'
import { pinOf } from '../store/fixtures.ts'

// Hosts and stores start and stop in each test.
setDefaultTimeout(30_000)

const topic = headsTopic(testSettings.clusterName)

function ping(peer: string, value = ''): Metric {
  const expire = BigInt(Date.now() + 60_000) * 1_000_000n
  return { name: 'ping', peer, value, expire, valid: true, weight: 0, partitionable: false, receivedAt: 0n }
}

/** Resolves when what one publishes on `topic` goes to the other. */
async function subscribed(one: NetworkPeer, other: NetworkPeer, to = topic): Promise<void> {
  await eventually('subscribed', () =>
    one.network.host.services.pubsub.getSubscribers(to).some((peer) => peer.toString() === other.id),
  )
}

describe('heads', () => {
  test('of a peer that is not trusted have no effect, and are counted', async () => {
    await using one = await startNetworkPeer({ settings: { trustedPeers: [] } })
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    await subscribed(two, one)
    await two.store.write([{ kind: 'pin', pin: pinOf('not trusted') }])
    await eventually('counted', () => (one.network.refused().get('heads of an untrusted peer') ?? 0) > 0)
    expect(one.store.counts().pins).toBe(0)
    expect(one.network.behind).toBe(0)
    one.network.trusted.add(two.id)
    await two.store.write([{ kind: 'pin', pin: pinOf('trusted') }])
    await eventually('both', () => one.store.counts().pins === 2)
  })

  test('of a follower that nobody trusts reach nobody, while it follows all', async () => {
    await using one = await startNetworkPeer({ settings: { trustedPeers: [] } })
    await using follower = await startNetworkPeer({
      settings: { trustedPeers: [one.id], peerAddresses: [one.address] },
    })
    await subscribed(follower, one)
    await follower.store.write([{ kind: 'pin', pin: pinOf('of the follower') }])
    await one.store.write([{ kind: 'pin', pin: pinOf('of the writer') }])
    await eventually('followed', () => follower.store.counts().pins === 2)
    expect(one.store.counts().pins).toBe(1)
  })

  test('that are broken are counted, and the next good ones are followed', async () => {
    await using one = await startNetworkPeer()
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    await subscribed(two, one)
    const { pubsub } = two.network.host.services
    for (const message of [Uint8Array.of(0xff), new Uint8Array(900_000), Uint8Array.of(0x12, 0)]) {
      await pubsub.publish(topic, message)
    }
    await two.store.write([{ kind: 'pin', pin: pinOf('good') }])
    await eventually('followed', () => one.store.counts().pins === 1)
    expect(one.network.refused().get('broken heads')).toBe(3)
  })

  test('reach a peer that comes later, without a new write', async () => {
    await using one = await startNetworkPeer()
    await one.store.write([{ kind: 'pin', pin: pinOf('before') }])
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    await eventually('followed', () => two.store.counts().pins === 1)
  })
})

describe('metrics', () => {
  test('reach the other peers, and none is an error when nobody listens', async () => {
    await using one = await startNetworkPeer()
    await one.network.publishMetric(ping(one.id))
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    await subscribed(two, one, metricsTopic)
    const heard: Metric[] = []
    one.network.onMetric((metric) => heard.push(metric))
    await two.network.publishMetric(ping(two.id, 'hello'))
    await eventually('heard', () => heard.length === 1)
    expect(heard[0]).toMatchObject({ name: 'ping', peer: two.id, value: 'hello', valid: true })
    expect(heard[0]!.receivedAt).toBeGreaterThan(0n)
  })

  test('of somebody else, broken or oversized ones are dropped and counted', async () => {
    await using one = await startNetworkPeer()
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    await subscribed(two, one, metricsTopic)
    const heard: string[] = []
    one.network.onMetric(({ value }) => heard.push(value))
    const somebody = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
    await two.network.publishMetric(ping(somebody, 'forged'))
    await two.network.host.services.pubsub.publish(metricsTopic, Uint8Array.of(0xc1))
    await two.network.publishMetric(ping(two.id, 'x'.repeat(100_000)))
    await two.network.publishMetric(ping(two.id, 'good'))
    await eventually('heard', () => heard.length > 0)
    expect(heard).toEqual(['good'])
    expect(one.network.refused().get('broken metric')).toBe(3)
  })

  test('arrive all when many are published at once', async () => {
    await using one = await startNetworkPeer()
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    await subscribed(two, one, metricsTopic)
    const heard = new Set<string>()
    one.network.onMetric(({ value }) => heard.add(value))
    await Promise.all(
      Array.from({ length: 500 }, (_, index) => two.network.publishMetric(ping(two.id, `${index}`))),
    )
    await eventually('heard', () => heard.size === 500)
  })
})
