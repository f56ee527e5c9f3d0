/** Whole peers in this process, over loopback: how they become members, and what is refused to whom. */
import { describe, expect, test } from 'bun:test'
import type { PeerService } from '../../../core/api/peer-service.ts'
import { rpc } from '../../../core/network/rpc/methods.ts'
import { eventually, startNetworkPeer } from '../../support/network-peer.ts'
import { startWholePeer, type WholePeer } from '../../support/whole-peer.ts'
import { cidOf, pinOf } from '../store/fixtures.ts'

const {
  cid: _cid,
  type: _type,
  allocations: _allocations,
  maxDepth: _maxDepth,
  ...options
} = pinOf('a', { name: 'pin' })

const membersOf = async ({ peer }: WholePeer) => (await peer.service.identity()).clusterPeers

async function peersOf(service: PeerService): Promise<string[]> {
  return (await Array.fromAsync(service.peers())).map(({ peerName, error }) => peerName + error).sort()
}

const joining = (...peers: WholePeer[]) => ({ addresses: peers.map(({ address }) => address), trusted: true })

describe('a peer that joins another', () => {
  test('is a member at once on both sides, long before the next ping', async () => {
    const slow = (json: { cluster: Record<string, unknown> }) => {
      json.cluster.monitor_ping_interval = '60s'
    }
    await using one = await startWholePeer({ name: 'one', configure: slow })
    await using two = await startWholePeer({ name: 'two', configure: slow, bootstrap: joining(one) })
    const both = [one.id, two.id].sort()
    await eventually('both know both', async () => {
      return Bun.deepEquals(await membersOf(one), both) && Bun.deepEquals(await membersOf(two), both)
    })
    await eventually('it says so', () => two.log.some((line) => line.includes('joined the cluster')))
    await eventually('both name both', async () => {
      const seen = [await peersOf(one.peer.service), await peersOf(two.peer.service)]
      return seen.every((names) => Bun.deepEquals(names, ['one', 'two']))
    })
  })

  test('tells why it could not', async () => {
    await using one = await startWholePeer({ name: 'one' })
    const { id } = one
    await one.stop()
    await using two = await startWholePeer({ name: 'two', bootstrap: joining(one) })
    await eventually('it said so', () => two.log.some((line) => line.includes('could not join')))
    expect(two.log.filter((line) => line.includes('could not join'))[0]).toContain(
      `peer ${id} cannot be reached`,
    )
    expect(await membersOf(two)).toEqual([two.id])
  })

  test('refuses an address that it cannot use, before anything runs', async () => {
    const bootstrap = { addresses: ['/ip4/127.0.0.1/tcp/1'], trusted: true }
    await expect(startWholePeer({ bootstrap })).rejects.toThrow('does not end in /p2p/<peer ID>')
  })

  test('is shown in the graph of either, with the trust of either, also while IPFS hangs', async () => {
    await using one = await startWholePeer({ name: 'one' })
    await using two = await startWholePeer({ name: 'two', bootstrap: joining(one) })
    for (const { peer, id } of [one, two]) {
      await eventually('all links are there', async () => {
        const { clusterLinks, peerNames } = await peer.service.connectGraph()
        return (
          clusterLinks.get(one.id)?.[0] === two.id &&
          clusterLinks.get(two.id)?.[0] === one.id &&
          peerNames.size === 2
        )
      })
      const graph = await peer.service.connectGraph()
      expect(graph.clusterId).toBe(id)
      expect([...graph.trust.values()]).toEqual([true, true])
      expect(graph.ipfsIds.size).toBe(0)
    }
  })
})

describe('a peer that goes', () => {
  test('is missed, each metric once; so is the next; one that comes back is missed again when it goes', async () => {
    await using one = await startWholePeer({ name: 'one' })
    await using two = await startWholePeer({ name: 'two', bootstrap: joining(one) })
    await using three = await startWholePeer({ name: 'three', bootstrap: joining(one) })
    const { service } = one.peer
    const missed = () =>
      service.alerts().flatMap(({ metric: { name, peer } }) => (name === 'ping' ? [peer] : []))
    const pinging = () => service.metrics('ping').map(({ peer, value }) => peer + value)
    const isPinging = (id: string) => () =>
      pinging().some((ping) => ping.includes(id) && ping.includes('peer_name'))
    await eventually('two pings', isPinging(two.id))
    await eventually('three pings', isPinging(three.id))

    await two.stop()
    await eventually('two is missed', () => missed().length === 1)
    expect(missed()).toEqual([two.id])
    await three.stop()
    await eventually('three is missed', () => missed().length === 2)
    expect(missed()).toEqual([three.id, two.id])
    expect(await membersOf(one)).toEqual([one.id])

    await two.start()
    await eventually('two pings again', isPinging(two.id))
    expect(missed()).toHaveLength(2)
    await two.stop()
    await eventually('two is missed again', () => missed().length === 3)
    expect(missed()[0]).toBe(two.id)
  }, 30_000)
})

describe('metrics', () => {
  test('are those of all members, and traffic is counted by protocol', async () => {
    await using one = await startWholePeer({ name: 'one' })
    await using two = await startWholePeer({ name: 'two', bootstrap: joining(one) })
    const { service } = one.peer
    await eventually('tags of both', () => service.metrics('tag:group').length === 2)
    expect(service.metrics('tag:group').map(({ peer }) => peer)).toEqual([one.id, two.id].sort())
    expect(service.metricNames()).toEqual(expect.arrayContaining(['ping', 'pinqueue', 'tag:group']))
    expect(service.metrics('nothing')).toEqual([])
    const rpcTraffic = service.bandwidth().get('/ipfscluster/1.0/rpc')
    expect(rpcTraffic?.totalIn).toBeGreaterThan(0)
    expect(rpcTraffic?.totalOut).toBeGreaterThan(0)
  })
})

describe('a peer that is not trusted', () => {
  const trusting =
    (...peers: string[]) =>
    (json: { consensus: { crdt: { trusted_peers: string[] } } }) => {
      json.consensus.crdt.trusted_peers = peers
    }

  test('may say hello and is refused the rest, with the error of the original', async () => {
    await using one = await startWholePeer({ name: 'one', configure: trusting() })
    await using stranger = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    const call = stranger.network.call.bind(stranger.network)
    expect((await call(one.id, rpc.id, {})).pn).toBe('one')
    for (const [method, argument] of [
      [rpc.status, cidOf('a')],
      [rpc.recover, cidOf('a')],
      [rpc.statusPage, {}],
      [rpc.repoStat, {}],
      [rpc.logPin, { c: cidOf('a') }],
    ] as const) {
      const refusal = await call(one.id, method as typeof rpc.status, argument as never).catch(
        (error) => error,
      )
      expect(refusal).toMatchObject({
        name: 'RpcError',
        kind: 'authorization',
        message: `client does not have permissions to call ${method.name}`,
      })
    }
  })

  test('changes nothing: its heads go no further', async () => {
    await using one = await startWholePeer({ name: 'one', configure: trusting() })
    await using two = await startWholePeer({ name: 'two', bootstrap: joining(one) })
    await eventually('two is a member', async () => (await membersOf(one)).length === 2)
    await two.peer.service.pin(cidOf('of two'), options)
    await one.peer.service.pin(cidOf('of one'), options)
    // What one wrote has arrived at two, whose own pin was announced before.
    await eventually(
      'two has both',
      async () => (await Array.fromAsync(two.peer.service.allocations(undefined))).length === 2,
    )
    await eventually('one refused heads', () =>
      one.log.some((line) => line.includes('heads of an untrusted peer')),
    )
    expect(await Array.fromAsync(one.peer.service.allocations(undefined))).toHaveLength(1)
    expect((await one.peer.service.connectGraph()).trust.get(two.id)).toBe(false)
  })

  test('is one that was joined with --no-trust; one that was joined without it is trusted', async () => {
    await using target = await startWholePeer({ name: 'target' })
    for (const trusted of [true, false]) {
      const bootstrap = { addresses: [target.address], trusted }
      await using joined = await startWholePeer({ bootstrap, configure: trusting() })
      await eventually('members', async () => (await membersOf(joined)).length === 2)
      expect((await joined.peer.service.connectGraph()).trust.get(target.id)).toBe(trusted)
    }
  })
})

describe('a follower', () => {
  test('holds what others write, tells of itself only, lists alerts, and writes nothing', async () => {
    await using one = await startWholePeer({ name: 'one' })
    await using follower = await startWholePeer({
      name: 'follower',
      bootstrap: joining(one),
      configure: (json) => {
        json.cluster.follower_mode = true
      },
    })
    const { service } = follower.peer
    const cid = cidOf('of one')
    await eventually('members', async () => (await membersOf(follower)).length === 2)
    await one.peer.service.pin(cid, options)
    await eventually('it has the pin', () =>
      service.allocation(cid).then(
        () => true,
        () => false,
      ),
    )
    expect([...(await service.status(cid, { local: false })).peerMap.keys()]).toEqual([follower.id])
    expect(
      (await Array.fromAsync(service.statusAll(0, { local: false }))).map(({ peerMap }) => peerMap.size),
    ).toEqual([1])

    const refused = 'this peer is configured to be in follower mode. Write operations are disabled'
    await expect(service.pin(cidOf('b'), options)).rejects.toThrow(refused)
    await expect(service.unpin(cid)).rejects.toThrow(refused)
    await using other = await startNetworkPeer({ settings: { peerAddresses: [follower.address] } })
    const logged = other.network.call(follower.id, rpc.logPin, { c: cid, t: 2n })
    await expect(logged).rejects.toThrow(refused)
    await one.stop()
    await eventually('it lists alerts', () =>
      service.alerts().some(({ metric: { peer } }) => peer === one.id),
    )
  })
})
