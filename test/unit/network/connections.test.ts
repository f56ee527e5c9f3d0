import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createServer, type Socket } from 'node:net'
import { rpc } from '../../../core/network/rpc/methods.ts'
import { eventually, startNetworkPeer, testSecret } from '../../support/network-peer.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { peerOf } from '../store/fixtures.ts'

// Hosts and stores start and stop in each test.
setDefaultTimeout(30_000)

const nobody = peerOf('nobody')

/** Sends the bytes on each connection and closes it. */
async function closingServer(bytes: Uint8Array): Promise<AsyncDisposable & { port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.resume()
    socket.end(bytes)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

/** Takes connections and says nothing. */
async function silentServer(): Promise<AsyncDisposable & { port: number; connections(): number }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as { port: number }).port,
    connections: () => sockets.size,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('a peer', () => {
  test('connects at start to peers of its peerstore file, and tells what the file is to have', async () => {
    await using one = await startNetworkPeer()
    await using two = await startNetworkPeer({
      peerstore: [`/ip4/127.0.0.1/tcp/1/p2p/${nobody}`, one.address],
    })
    await eventually('connected', () => two.network.connectedPeers().includes(one.id))
    await eventually('identified', () => one.network.knownPeers().length > 0)
    expect(two.network.peerstoreLines()).toContain(one.address)
    expect(one.network.peerstoreLines()).toEqual([two.address])
  })

  test('connects again soon after a connection was lost', async () => {
    await using one = await startNetworkPeer()
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    await eventually('connected', () => one.network.connectedPeers().includes(two.id))
    await eventually('identified', () => one.network.knownPeers().length > 0)
    for (const connection of one.network.host.getConnections()) connection.abort(new Error('cut'))
    await eventually('lost', () => two.network.connectedPeers().length === 0)
    await eventually('connected again', () => two.network.connectedPeers().includes(one.id))
  })

  test('connects again to one that comes back on the same address', async () => {
    await using folder = await temporaryFolder()
    const one = await startNetworkPeer({ folder: folder.path })
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    await eventually('connected', () => two.network.connectedPeers().includes(one.id))
    await one[Symbol.asyncDispose]()
    await eventually('lost', () => two.network.connectedPeers().length === 0)
    const listen = [one.address.replace(/\/p2p\/.*/, '')]
    await using _again = await startNetworkPeer({
      folder: folder.path,
      privateKey: one.privateKey,
      settings: { listen },
    })
    await eventually('connected again', () => two.network.connectedPeers().includes(one.id), 20_000)
  })

  test('closes connections above its high water mark, but not those of peers that it names', async () => {
    await using named = await startNetworkPeer()
    const settings = { lowWater: 1, highWater: 2, gracePeriod: 0, peerAddresses: [named.address] }
    await using centre = await startNetworkPeer({ settings })
    await eventually('connected', () => centre.network.connectedPeers().includes(named.id))
    await using others = new AsyncDisposableStack()
    for (let count = 0; count < 2; count++) {
      const other = others.use(await startNetworkPeer())
      other.network.addPeerAddresses([centre.address], 'test')
      await other.network.connect(centre.id)
    }
    // The next look is within 10 s.
    await eventually('few', () => centre.network.connectedPeers().length <= 2, 15_000)
    expect(centre.network.connectedPeers()).toContain(named.id)
  })

  test('is not held up by addresses that do not answer, and keeps one connection', async () => {
    await using one = await startNetworkPeer()
    await using silent = await silentServer()
    await using two = await startNetworkPeer({ settings: { dialTimeout: 20_000 } })
    const dead = [`/ip4/127.0.0.1/tcp/${silent.port}/p2p/${one.id}`, `/ip4/127.0.0.1/tcp/1/p2p/${one.id}`]
    two.network.addPeerAddresses([...dead, one.address], 'test')
    await Promise.all([two.network.connect(one.id), two.network.connect(one.id)])
    await eventually('identified', () => one.network.knownPeers().length > 0)
    expect(two.network.host.getConnections()).toHaveLength(1)
    await eventually('the other attempts have ended', () => silent.connections() === 0)
  })

  test('tells of a port that is in use, and leaves nothing running', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    const start = startNetworkPeer({ settings: { listen: [`/ip4/127.0.0.1/tcp/${port}`] } })
    await expect(start).rejects.toMatchObject({
      name: 'SwarmListenError',
      message: expect.stringContaining(`/ip4/127.0.0.1/tcp/${port}: the port is in use`),
    })
    server.close()
  })

  test('tolerates a QUIC address among those that it listens on', async () => {
    const listen = ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/udp/0/quic']
    await using peer = await startNetworkPeer({ settings: { listen } })
    expect(peer.network.addresses()).toHaveLength(1)
  })

  test('tells the addresses that it is told to tell', async () => {
    const announce = ['/dns4/peer.example/tcp/9096', '/ip4/10.0.0.1/tcp/9096']
    await using peer = await startNetworkPeer({
      settings: { announce, noAnnounce: ['/ip4/10.0.0.0/ipcidr/8'] },
    })
    expect(peer.network.addresses()).toEqual([`/dns4/peer.example/tcp/9096/p2p/${peer.id}`])
  })
})

describe('a call', () => {
  const handlers = () => [
    { method: rpc.version, handle: async () => ({ v: 'here' }) },
    { method: rpc.id, handle: () => new Promise<never>(() => undefined) },
    {
      method: rpc.idStream,
      async *handle() {
        for (let count = 0; ; count++) yield { pn: `${count}`.padEnd(1_000, '.') }
      },
    },
  ]

  test('of a peer that nobody knows fails by name', async () => {
    await using peer = await startNetworkPeer({ settings: { dialTimeout: 500 } })
    const call = peer.network.call(nobody, rpc.version, {})
    await expect(call).rejects.toMatchObject({ name: 'PeerUnreachableError' })
  })

  test('reaches a peer that joins after it was looked for, by asking those that both know', async () => {
    await using first = await startNetworkPeer()
    await using caller = await startNetworkPeer({ settings: { peerAddresses: [first.address] } })
    await using called = await startNetworkPeer({ handlers })
    await eventually('connected', () => caller.network.connectedPeers().includes(first.id))
    const call = caller.network.call(called.id, rpc.version, {})
    call.catch(() => undefined)
    // The first lookup has begun, and nobody can answer it.
    await Bun.sleep(250)
    called.network.addPeerAddresses([first.address], 'test')
    await called.network.connect(first.id)
    expect(await call).toEqual({ v: 'here' })
  })

  test('of a peer that is gone fails within the dial timeout, with what was tried', async () => {
    await using peer = await startNetworkPeer({
      settings: { dialTimeout: 500, peerAddresses: [`/ip4/127.0.0.1/tcp/1/p2p/${nobody}`] },
    })
    const call = peer.network.call(nobody, rpc.version, {})
    await expect(call).rejects.toThrow(/cannot be reached: .*127\.0\.0\.1.*1.*/)
  })

  test('of a peer that does not finish fails at its deadline', async () => {
    await using one = await startNetworkPeer({ handlers })
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    const call = two.network.call(one.id, rpc.id, {}, { timeout: 200 })
    await expect(call).rejects.toMatchObject({
      name: 'PeerSilentError',
      message: `peer ${one.id} did not answer Cluster.ID within 0.2 s`,
    })
    const abort = new AbortController()
    const given = two.network.call(one.id, rpc.id, {}, { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(given).rejects.toThrow('enough')
  })

  test('that streams and stops in between fails when no value came for as long as it may', async () => {
    const stalled = () => [
      {
        method: rpc.idStream,
        async *handle() {
          yield { pn: 'first' } as never
          await new Promise(() => undefined)
        },
      },
    ]
    await using one = await startNetworkPeer({ handlers: stalled })
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    const received: unknown[] = []
    const call = async () => {
      for await (const { pn } of two.network.stream(one.id, rpc.idStream, [], { stallTimeout: 300 }))
        received.push(pn)
    }
    await expect(call()).rejects.toMatchObject({ name: 'PeerSilentError' })
    expect(received.length).toBeLessThanOrEqual(1)
  })

  test('that streams without end is held back by a slow reader, and ended by leaving the loop', async () => {
    await using one = await startNetworkPeer({ handlers })
    await using two = await startNetworkPeer({ settings: { peerAddresses: [one.address] } })
    let received = 0
    for await (const { pn } of two.network.stream(one.id, rpc.idStream, [])) {
      expect(pn?.replace(/\.+$/, '')).toBe(`${received}`)
      if (received++ === 0) {
        // While nothing is read, what waits stays bounded.
        await eventually('sending stands still', async () => {
          const before = two.network.bandwidth().get('/ipfscluster/1.0/rpc')!.totalIn
          await Bun.sleep(300)
          return two.network.bandwidth().get('/ipfscluster/1.0/rpc')!.totalIn === before
        })
        expect(two.network.bandwidth().get('/ipfscluster/1.0/rpc')!.totalIn).toBeLessThan(10 * 1024 * 1024)
      }
      if (received === 20_000) break
    }
    expect(await two.network.call(one.id, rpc.version, {})).toEqual({ v: 'here' })
  })

  test('of a peer with another secret fails within the dial timeout and names our fingerprint', async () => {
    await using one = await startNetworkPeer()
    await using stranger = await startNetworkPeer({
      settings: { secret: testSecret.replaceAll('4', '5'), dialTimeout: 1_000 },
    })
    stranger.network.addPeerAddresses([one.address], 'test')
    const began = performance.now()
    await expect(stranger.network.call(one.id, rpc.version, {})).rejects.toThrow(/fingerprint [0-9a-f]{32}/)
    expect(performance.now() - began).toBeLessThan(3_000)
    await eventually('told', () => (one.network.refused().get('unreadable connection') ?? 0) > 0, 15_000)
  })

  for (const [what, bytes] of [
    ['takes connections and closes them', 0],
    ['sends a few bytes and closes', 8],
  ] as const) {
    test(`through something that ${what} does not fail with talk of secrets`, async () => {
      await using proxy = await closingServer(new Uint8Array(bytes))
      await using peer = await startNetworkPeer({ settings: { dialTimeout: 1_000 } })
      peer.network.addPeerAddresses([`/ip4/127.0.0.1/tcp/${proxy.port}/p2p/${nobody}`], 'test')
      const call = peer.network.call(nobody, rpc.version, {})
      await expect(call).rejects.toMatchObject({ name: 'PeerUnreachableError' })
    })
  }

  test('of a peer with a secret by one without fails and says so', async () => {
    await using one = await startNetworkPeer()
    await using open = await startNetworkPeer({ settings: { secret: '', dialTimeout: 1_000 } })
    open.network.addPeerAddresses([one.address], 'test')
    await expect(open.network.call(one.id, rpc.version, {})).rejects.toThrow('Ours is empty')
  })
})
