/** Whole peers in this process: what they do unasked, as it is wired. */
import { describe, expect, test } from 'bun:test'
import { rpc } from '../../../core/network/rpc/methods.ts'
import type { Pin } from '../../../core/pin/pin.ts'
import { eventually, startNetworkPeer } from '../../support/network-peer.ts'
import { startWholePeer, type WholePeer } from '../../support/whole-peer.ts'
import { cidOf, pinOf } from '../store/fixtures.ts'

const joining = (...peers: WholePeer[]) => ({ addresses: peers.map(({ address }) => address), trusted: true })

/** Peers whose disks nobody knows are chosen by their tags. */
function byTags(json: { allocator: object; cluster: object }): void {
  Object.assign(json.allocator, { balanced: { allocate_by: ['tag:group'] } })
}

function optionsOf(copies: number, fields: Partial<Pin> = {}) {
  const pin = pinOf('a', { replicationFactorMin: copies, replicationFactorMax: copies, ...fields })
  const { cid: _cid, type: _type, allocations: _allocations, maxDepth: _maxDepth, ...options } = pin
  return options
}

const cids = Array.from({ length: 12 }, (_, index) => cidOf(`content ${index}`))

async function holders({ peer }: WholePeer): Promise<string[]> {
  const found = new Set<string>()
  for await (const { allocations } of peer.service.allocations(undefined))
    for (const id of allocations) found.add(id)
  return [...found].sort()
}

/** Pins all contents to just these peers. */
async function pinAll({ peer }: WholePeer, ...at: WholePeer[]): Promise<void> {
  const options = optionsOf(at.length, { userAllocations: at.map(({ id }) => id) })
  for (const cid of cids) await peer.service.pin(cid, options)
}

const tagged =
  ({ peer }: WholePeer, count: number) =>
  () =>
    peer.service.metrics('tag:group').length === count

describe('an expired pin', () => {
  test('is gone from all peers within seconds', async () => {
    await using one = await startWholePeer({ name: 'one', configure: byTags })
    await using two = await startWholePeer({ name: 'two', configure: byTags, bootstrap: joining(one) })
    await eventually('both know both', tagged(one, 2))
    const expireAt = (BigInt(Math.floor(Date.now() / 1000)) + 6n) * 1_000_000_000n
    await Promise.all(cids.map((cid) => one.peer.service.pin(cid, optionsOf(1, { expireAt }))))
    for (const peer of [one, two])
      await eventually('none is left', async () => (await holders(peer)).length === 0, 15_000)
  }, 20_000)
})

describe('a peer that is gone', () => {
  test('loses its pins to others after the grace window when re-pinning is on', async () => {
    const configure = (json: { allocator: object; cluster: object }) => {
      byTags(json)
      Object.assign(json.cluster, { disable_repinning: false })
      Object.assign(json.allocator, { repinning: { grace: '1s', takeover: '2s' } })
    }
    await using one = await startWholePeer({ name: 'one', configure })
    await using two = await startWholePeer({ name: 'two', configure, bootstrap: joining(one) })
    await using three = await startWholePeer({ name: 'three', configure, bootstrap: joining(one, two) })
    await eventually('all know all', tagged(one, 3))
    await pinAll(one, two, three)
    expect(await holders(one)).toEqual([two.id, three.id].sort())
    await three.stop()
    for (const peer of [one, two]) {
      await eventually(
        'its pins are with others',
        async () => Bun.deepEquals(await holders(peer), [one.id, two.id].sort()),
        15_000,
      )
    }
  }, 30_000)
})

describe('a peer that is removed', () => {
  test('hands its pins over, is given none by any peer, and is taken in again', async () => {
    await using one = await startWholePeer({ name: 'one', configure: byTags })
    await using two = await startWholePeer({ name: 'two', configure: byTags, bootstrap: joining(one) })
    await using three = await startWholePeer({
      name: 'three',
      configure: byTags,
      bootstrap: joining(one, two),
    })
    await eventually('all know all', () => [one, two, three].every((peer) => tagged(peer, 3)()))
    await pinAll(one, two)
    expect(await holders(one)).toEqual([two.id])
    await one.peer.service.removePeer(two.id)
    expect(await holders(one)).not.toContain(two.id)
    const { allocations } = await three.peer.service.pin(
      cidOf('of three'),
      optionsOf(1, { userAllocations: [two.id] }),
    )
    expect(allocations).not.toContain(two.id)

    await one.stop()
    await one.start()
    await eventually('it knows the others again', tagged(one, 3))
    await expect(one.peer.service.pin(cidOf('of all'), optionsOf(3))).rejects.toThrow('not enough peers')
    await one.peer.service.addPeer(two.id)
    const pin = await one.peer.service.pin(cidOf('of all'), optionsOf(3))
    expect(pin.allocations.toSorted()).toEqual([one.id, two.id, three.id].sort())
    await eventually('the third was told', async () =>
      three.peer.service.pin(cidOf('of all too'), optionsOf(3)).then(
        () => true,
        () => false,
      ),
    )
  }, 30_000)

  test('keeps the pins that nobody else can take, and that is said', async () => {
    await using one = await startWholePeer({ name: 'one', configure: byTags })
    await using two = await startWholePeer({ name: 'two', configure: byTags, bootstrap: joining(one) })
    await eventually('both know both', tagged(one, 2))
    await pinAll(one, one, two)
    await expect(one.peer.service.removePeer(two.id)).rejects.toThrow(
      `${two.id} was removed, but 12 of its pins stay with it: not enough peers`,
    )
    expect(await holders(one)).toEqual([one.id, two.id].sort())
  }, 20_000)

  test('is removed by remote calls too, but not through a follower', async () => {
    await using one = await startWholePeer({ name: 'one', configure: byTags })
    await using follower = await startWholePeer({
      name: 'follower',
      bootstrap: joining(one),
      configure: (json) => {
        byTags(json)
        json.cluster.follower_mode = true
      },
    })
    await eventually('both know both', tagged(one, 2))
    await pinAll(one, follower)
    expect(await holders(one)).toEqual([follower.id])
    const refused = follower.peer.service.removePeer(one.id)
    await expect(refused).rejects.toThrow('this peer is configured to be in follower mode')
    await using caller = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    await caller.network.call(one.id, rpc.peerRemove, follower.id)
    expect(await holders(one)).toEqual([one.id])
  }, 20_000)
})

describe('a peer with leave_on_shutdown', () => {
  test('gives its pins to others before it stops, and keeps its pinset', async () => {
    await using one = await startWholePeer({ name: 'one', configure: byTags })
    await using two = await startWholePeer({
      name: 'two',
      bootstrap: joining(one),
      configure: (json) => {
        byTags(json)
        json.cluster.leave_on_shutdown = true
      },
    })
    await eventually('both know both', () => [one, two].every((peer) => tagged(peer, 2)()))
    await pinAll(one, two)
    expect(await holders(one)).toEqual([two.id])
    await eventually(
      'it has the pins',
      async () => (await Array.fromAsync(two.peer.service.allocations(undefined))).length === 12,
    )
    await two.stop()
    await eventually('all are with the other', async () => Bun.deepEquals(await holders(one), [one.id]))
    await two.start()
    expect(await Array.fromAsync(two.peer.service.allocations(undefined))).toHaveLength(12)
  }, 20_000)
})

test('pins are given to trusted peers only, or to the others only, where that is set', async () => {
  const configure = (json: { allocator: object; cluster: object; consensus: object }) => {
    byTags(json)
    Object.assign(json.cluster, { pin_only_on_trusted_peers: true })
    Object.assign(json.consensus, { crdt: { cluster_name: 'ipfs-cluster', trusted_peers: [] } })
  }
  await using other = await startWholePeer({ name: 'other', configure: byTags })
  await using one = await startWholePeer({
    configure,
    bootstrap: { addresses: [other.address], trusted: false },
  })
  await eventually('it knows the other', tagged(one, 2))
  await pinAll(one, other)
  expect(await holders(one)).toEqual([one.id])
}, 20_000)
