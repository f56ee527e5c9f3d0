/** Inbound connections that have not proven who they are must not keep others out. */
import { expect, test } from 'bun:test'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { MultiaddrConnection, PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { UnprovenConnections } from '../../../core/libp2p/unproven-connections.ts'
import { eventually, startNetworkPeer } from '../../support/network-peer.ts'
import { startNode, temporaryFolder } from '../ipfs/embedded-node.ts'

test('when the room is full, the oldest goes that has sent nothing', async () => {
  const { come, room } = hall({ pending: 3, pendingPerAddress: 3 })
  const first = await come('/ip4/192.0.2.1/tcp/1')
  const second = await come('/ip4/192.0.2.2/tcp/1')
  const third = await come('/ip4/192.0.2.3/tcp/1')
  first.say()
  expect(await come('/ip4/192.0.2.4/tcp/1')).toMatchObject({ isAdmitted: true })
  expect([first.isAborted, second.isAborted, third.isAborted]).toEqual([false, true, false])
  expect(room.size).toBe(3)
})

test('one that has sent something is not closed for another', async () => {
  const { come } = hall({ pending: 2, pendingPerAddress: 2 })
  const first = await come('/ip4/192.0.2.1/tcp/1')
  const second = await come('/ip4/192.0.2.2/tcp/1')
  first.say()
  second.say()
  expect(await come('/ip4/192.0.2.3/tcp/1')).toMatchObject({ isAdmitted: false })
  await first.prove()
  expect(await come('/ip4/192.0.2.3/tcp/1')).toMatchObject({ isAdmitted: true })
  second.close()
  expect(await come('/ip4/192.0.2.3/tcp/2')).toMatchObject({ isAdmitted: true })
})

for (const [one, another] of [
  ['/ip4/192.0.2.1/tcp', '/ip4/192.0.2.2/tcp'],
  ['/ip6/2001:db8::1/tcp', '/ip6/2001:db8:0:1::1/tcp'],
] as const) {
  test(`the connections of one network take a share of the room: ${one}`, async () => {
    const { come } = hall({ pending: 64, pendingPerAddress: 2 })
    const [first, second] = [await come(`${one}/1`), await come(`${one}/2`)]
    first.say()
    expect(await come(`${one}/3`)).toMatchObject({ isAdmitted: true })
    expect(second.isAborted).toBe(true)
    expect(await come(`${another}/1`)).toMatchObject({ isAdmitted: true })
  })
}

test('an IPv6 network counts as one address, peers of this machine have the whole room', async () => {
  const { come, room } = hall({ pending: 64, pendingPerAddress: 2 })
  for (let host = 1; host <= 4; host++) await come(`/ip6/2001:db8::${host}/tcp/1`)
  await come('/ip6/2001:db8:0:0:1::/tcp/1')
  expect(room.size).toBe(2)
  for (let port = 1; port <= 4; port++) await come(`/ip4/127.0.0.1/tcp/${port}`)
  expect(room.size).toBe(6)
})

test('sockets that say nothing keep no peer of the cluster out', async () => {
  await using target = await startNetworkPeer()
  await using _ = await silentSockets(target.address, 64)
  await using peer = await startNetworkPeer({ settings: { peerAddresses: [target.address] } })
  await peer.network.connect(target.id)
  await eventually('it is connected', () => target.network.host.getConnections().length === 1)
}, 30_000)

test('sockets that say nothing keep nobody away from the embedded IPFS node', async () => {
  await using folder = await temporaryFolder()
  await using node = await startNode(`${folder.path}/node`)
  await using other = await startNode(`${folder.path}/other`)
  const address = (await node.id()).addresses.find((each) => each.startsWith('/ip4/127.0.0.1/'))!
  await using _ = await silentSockets(address, 64)
  await other.connect(address)
  expect(await other.swarmPeers()).toHaveLength(1)
}, 30_000)

/** Opens sockets, and others in place of those that are closed. */
async function silentSockets(address: string, count: number): Promise<AsyncDisposable> {
  const port = Number(/tcp\/(\d+)/.exec(address)![1])
  const sockets = new Set<Socket>()
  let isOver = false
  const open = async (): Promise<void> => {
    if (isOver) return
    const socket = connect(port, '127.0.0.1')
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      sockets.delete(socket)
      // The rate of new connections is bounded, too.
      setTimeout(() => void open(), 200)
    })
    await once(socket, 'connect')
  }
  for (let opened = 0; opened < count; opened++) {
    await open()
    // Below 50 a second.
    await Bun.sleep(25)
  }
  return {
    async [Symbol.asyncDispose]() {
      isOver = true
      for (const socket of sockets) socket.destroy()
    },
  }
}

function hall(limits: { pending: number; pendingPerAddress: number }) {
  const room = new UnprovenConnections(limits)
  const gater = room.gater()
  const come = async (address: string) => {
    const events = new EventTarget()
    const state = { isAborted: false, isAdmitted: false }
    const connection = Object.assign(events, {
      remoteAddr: multiaddr(address),
      readBufferLength: 0,
      onData: () => undefined,
      abort: () => {
        state.isAborted = true
        events.dispatchEvent(new Event('close'))
      },
    }) as unknown as MultiaddrConnection & { onData(data: Uint8Array): void }
    state.isAdmitted = (await gater.denyInboundConnection!(connection)) !== true
    return Object.assign(state, {
      say: () => connection.onData(Uint8Array.of(1)),
      prove: () => gater.denyInboundUpgradedConnection!({} as PeerId, connection),
      close: () => events.dispatchEvent(new Event('close')),
    })
  }
  return { room, come }
}
