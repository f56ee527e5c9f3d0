/** What a host remembers of the peers that it met. */
import { expect, test } from 'bun:test'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { startHost } from '../../../core/ipfs/embedded/host.ts'
import { BoundedDatastore } from '../../../core/libp2p/bounded-datastore.ts'
import { startNetworkPeer } from '../../support/network-peer.ts'
import { loopback } from '../ipfs/embedded-node.ts'

test('a host forgets the peers that it did not look at for longest', async () => {
  const host = await createLibp2p({ start: false, datastore: new BoundedDatastore(20) })
  const peers = await Promise.all(
    Array.from({ length: 60 }, async () => peerIdFromPrivateKey(await generateKeyPair('Ed25519'))),
  )
  for (const peer of peers) {
    await host.peerStore.merge(peer, { multiaddrs: [multiaddr('/ip4/192.0.2.1/tcp/4001')] })
    await host.peerStore.get(peers[0]!)
  }
  const known = (await host.peerStore.all()).map(({ id }) => id.toString())
  expect(known.sort()).toEqual([peers[0]!, ...peers.slice(-19)].map(String).sort())
  await host.peerStore.delete(peers[0]!)
  expect(await host.peerStore.all()).toHaveLength(19)
})

test('what is no peer is kept', () => {
  const store = new BoundedDatastore(1)
  const key = (number: number) => ({ toString: () => `/dht/${number}` }) as never
  for (let number = 0; number < 10; number++) store.put(key(number), Uint8Array.of(number))
  expect(store.get(key(0))).toEqual(Uint8Array.of(0))
})

test('the hosts of the cluster and of the embedded IPFS node have it', async () => {
  await using peer = await startNetworkPeer()
  await using node = await startHost(loopback, await generateKeyPair('Ed25519'), 'test')
  for (const host of [peer.network.host, node.libp2p]) {
    expect((host as unknown as { components: { datastore: unknown } }).components.datastore).toBeInstanceOf(
      BoundedDatastore,
    )
  }
})
