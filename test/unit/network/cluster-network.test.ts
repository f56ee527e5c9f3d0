import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { rpc } from '../../../core/network/rpc/methods.ts'
import { syncProtocol } from '../../../core/network/sync/protocol.ts'
import { chain } from '../../support/crdt-blocks.ts'
import { eventually, startNetworkPeer, stateOf } from '../../support/network-peer.ts'
import { pinOf } from '../store/fixtures.ts'

const pins = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ kind: 'pin' as const, pin: pinOf(`${name} ${index}`) }))

// Hosts and stores start and stop in each test.
setDefaultTimeout(30_000)

describe('two peers', () => {
  test('bring each other what is written on either', async () => {
    await using one = await startNetworkPeer()
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    await eventually('connected', () => one.network.connectedPeers().includes(two.id))
    for (const change of pins('of one', 20)) await one.store.write([change])
    for (const change of pins('of two', 20)) await two.store.write([change])
    await eventually('equal', () => one.store.counts().pins === 40 && two.store.counts().pins === 40)
    await eventually('same heads', () => Bun.deepEquals(stateOf(one.store), stateOf(two.store)))
  })

  test('exchange what each wrote before they met', async () => {
    await using one = await startNetworkPeer()
    await one.store.write(pins('of one', 5))
    await one.store.write(pins('more of one', 5))
    await using two = await startNetworkPeer()
    await two.store.write(pins('of two', 5))
    two.network.addPeerAddresses([one.address], 'test')
    await two.network.connect(one.id)
    await one.store.write(pins('after they met, of one', 1))
    await two.store.write(pins('after they met, of two', 1))
    await eventually('same state', () => {
      const [a, b] = [stateOf(one.store), stateOf(two.store)]
      return a.pins.length === 17 && Bun.deepEquals(a, b)
    })
  })

  test('catch up with a long history in one go, as soon as they meet', async () => {
    await using one = await startNetworkPeer()
    await one.store.merge(chain(3_000))
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    await eventually('same heads', () => Bun.deepEquals(stateOf(one.store).heads, stateOf(two.store).heads))
    const received = two.network.bandwidth()
    expect(received.get(syncProtocol)?.totalIn).toBeGreaterThan(200_000)
    expect(received.get('/ipfs/bitswap/1.2.0')?.totalIn ?? 0).toBeLessThan(30_000)
  })

  test('of clusters of other names keep their pins apart, though they have one secret', async () => {
    await using one = await startNetworkPeer()
    await one.store.write(pins('of one', 5))
    await using stranger = await startNetworkPeer({ settings: { clusterName: 'another' } })
    await stranger.store.write(pins('of the stranger', 3))
    stranger.network.addPeerAddresses([one.address], 'test')
    await stranger.network.connect(one.id)
    // Whoever comes after the stranger, and belongs here, has all.
    await using later = await startNetworkPeer({
      settings: { peerAddresses: [one.address, stranger.address] },
    })
    await later.store.write(pins('of the later one', 2))
    await eventually('one and the later one are equal', () =>
      [one, later].every(({ store }) => store.counts().pins === 7),
    )
    await eventually('the stranger meets all', () => stranger.network.connectedPeers().length === 2)
    expect(stranger.store.counts().pins).toBe(3)
    expect(stateOf(one.store)).toEqual(stateOf(later.store))
  })

  test('call each other', async () => {
    const handlers = ({ id }: { id: string }) => [
      { method: rpc.version, handle: async () => ({ v: `1.1.6 of ${id}` }) },
    ]
    await using one = await startNetworkPeer({ handlers })
    await using two = await startNetworkPeer({ handlers, settings: { peerAddresses: [one.address] } })
    expect(await two.network.call(one.id, rpc.version, {})).toEqual({ v: `1.1.6 of ${one.id}` })
    expect(await one.network.call(two.id, rpc.version, {})).toEqual({ v: `1.1.6 of ${two.id}` })
  })
})
