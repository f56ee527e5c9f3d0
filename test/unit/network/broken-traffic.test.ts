import { expect, setDefaultTimeout, test } from 'bun:test'
import { peerIdFromString } from '@libp2p/peer-id'
import { eventually, startNetworkPeer } from '../../support/network-peer.ts'
import { peerOf } from '../store/fixtures.ts'

setDefaultTimeout(30_000)

test('sound peers that connect, ask, and go away are not told of as broken', async () => {
  const lines: string[] = []
  const log = (line: string) => void lines.push(line)
  await using one = await startNetworkPeer({ log })
  const two = await startNetworkPeer({ log })
  one.network.addPeerAddresses([two.address], 'test')
  two.network.addPeerAddresses([one.address], 'test')
  await Promise.all([one.network.connect(two.id), two.network.connect(one.id)])
  await eventually('each knows the other', () =>
    [one, two].every(({ network }) => network.knownPeers().length > 0),
  )
  // Lookups open streams, ask once, and end them.
  const { lanDht } = two.network.host.services
  for (let turn = 0; turn < 3; turn++) {
    await Array.fromAsync(lanDht.findPeer(peerIdFromString(peerOf('nobody')))).catch(() => undefined)
  }
  await two[Symbol.asyncDispose]()
  await eventually('the other is gone', () => one.network.connectedPeers().length === 0)
  expect(lines.filter((line) => line.includes('refused: broken'))).toEqual([])
})
