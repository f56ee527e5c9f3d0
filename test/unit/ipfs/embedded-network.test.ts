/** How the embedded node finds content and is found, on a small network of its own on loopback. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { base36 } from 'multiformats/bases/base36'
import type { CID } from 'multiformats/cid'
import type { EmbeddedConfig } from '../../../core/ipfs/embedded/config.ts'
import type { EmbeddedIpfs } from '../../../core/ipfs/embedded/embedded-ipfs.ts'
import { encrypters } from '../../../core/network/encrypters.ts'
import { expectIpfsError, pinOptions, putAll } from './compliance-calls.ts'
import { directoryBlock, fileTree, rawBlock, textBytes } from './dag-fixtures.ts'
import { startNode, temporaryFolder } from './embedded-node.ts'
import { makeIpnsRecord } from './ipns-fixture.ts'

const limit = 30_000

describe('the embedded node', () => {
  let stack: AsyncDisposableStack
  let start: (name: string, config?: Partial<EmbeddedConfig>) => Promise<EmbeddedIpfs>

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    const { path } = stack.use(await temporaryFolder())
    start = async (name, config) => stack.use(await startNode(join(path, name), config))
  })
  afterEach(() => stack.disposeAsync())

  test(
    'announces its pins to the DHT, and another one finds them there',
    async () => {
      const servers = await Promise.all([startDhtServer(), startDhtServer()])
      for (const { host } of servers) stack.defer(async () => void (await host.stop()))
      await servers[0]!.host.dial(servers[1]!.host.getMultiaddrs())
      const bootstrap = servers.flatMap(({ host }) => host.getMultiaddrs().map(String))
      const provider = await start('provider', { bootstrap })
      const seeker = await start('seeker', { bootstrap })
      const { root, leaves } = await fileTree('in the DHT', 5)
      await putAll(provider, [...leaves, root])
      await connectedTo(provider, servers)
      await provider.pin(root.cid, pinOptions())
      await connectedTo(seeker, servers)
      await announced(servers[0]!.dht, root.cid)
      await seeker.pin(root.cid, pinOptions())
      expect(await seeker.getBlock(leaves[4]!.cid)).toEqual(leaves[4]!.bytes)
      expect(await seeker.swarmPeers()).toContain((await provider.id()).id)
    },
    limit,
  )

  test(
    'finds providers at an HTTP router',
    async () => {
      const provider = await start('provider')
      const { root, leaves } = await fileTree('at a router', 3)
      await putAll(provider, [...leaves, root])
      const { id, addresses } = await provider.id()
      for (const ndjson of [true, false]) {
        const record = { Schema: 'peer', ID: id, Addrs: addresses, Protocols: ['transport-bitswap'] }
        const nonsense = [{ Schema: 'unknown' }, { Schema: 'peer', ID: 'no peer ID', Addrs: ['/nothing'] }]
        const router = stack.use(serve(() => providersAnswer([...nonsense, record], ndjson)))
        const seeker = await start(`seeker ${ndjson}`, { delegatedRouters: [router.url] })
        await seeker.pin(root.cid, pinOptions())
        expect(router.asked).toContain(`/routing/v1/providers/${root.cid}`)
      }
    },
    limit,
  )

  test(
    'gets blocks from a trustless gateway when no peer has them',
    async () => {
      const provider = await start('provider', { gatewayListenMultiaddress: ['/ip4/127.0.0.1/tcp/0'] })
      const { root, leaves } = await fileTree('at a gateway', 3)
      await putAll(provider, [...leaves, root])
      const liar = stack.use(serve(() => new Response('these are other bytes')))
      const broken = stack.use(serve(() => new Response('no', { status: 500 })))
      const endless = stack.use(serve(() => new Response(endlessBody())))
      const trustlessGateways = [liar.url, broken.url, endless.url, provider.gatewayUrls[0]!]
      const seeker = await start('seeker', { trustlessGateways })
      await seeker.pin(root.cid, pinOptions())
      expect(await seeker.getBlock(leaves[2]!.cid)).toEqual(leaves[2]!.bytes)
      // Each failed once and then rested, whatever else was asked for.
      for (const gateway of [liar, broken, endless]) expect(gateway.asked.length).toBeLessThanOrEqual(3)
    },
    limit,
  )

  test(
    'gets content from the origin of a pin while routers, gateways and other origins never answer',
    async () => {
      const silent = stack.use(serve(() => new Promise<Response>(() => undefined)))
      const provider = await start('provider')
      const { root, leaves } = await fileTree('at the origin', 3)
      await putAll(provider, [...leaves, root])
      const { id, addresses } = await provider.id()
      const seeker = await start('seeker', {
        delegatedRouters: [silent.url],
        trustlessGateways: [silent.url],
      })
      const nobody = new URL(silent.url).port
      const origins = [`/ip4/127.0.0.1/tcp/${nobody}`, `/ip4/127.0.0.1/udp/1/quic-v1/p2p/${id}`, ...addresses]
      await seeker.pin(root.cid, pinOptions({ origins, stallTimeout: 0 }))
      expect(await seeker.pinState(root.cid)).toBe('recursive')
    },
    limit,
  )

  test(
    'goes on waiting for a block when another one who waited for it has given up',
    async () => {
      const node = await start('waiting')
      const other = await start('other')
      const leaf = await rawBlock(textBytes('wanted by both'))
      const roots = [await directoryBlock({ first: leaf }), await directoryBlock({ second: leaf })]
      await putAll(node, roots)
      const abort = new AbortController()
      const begun = roots.map(() => Promise.withResolvers<void>())
      const [first, second] = roots.map(({ cid }, index) => {
        const signal = index === 0 ? abort.signal : new AbortController().signal
        return node.pin(cid, pinOptions({ signal, onProgress: () => begun[index]!.resolve() }))
      })
      await Promise.all(begun.map(({ promise }) => promise))
      abort.abort(new Error('given up'))
      await expectIpfsError(first!, 'aborted')
      await putAll(other, [leaf])
      await node.connect((await other.id()).addresses[0]!)
      await second
      expect(await node.pinState(roots[1]!.cid)).toBe('recursive')
    },
    limit,
  )

  test(
    'resolves names by the records of an HTTP router',
    async () => {
      const key = await generateKeyPair('Ed25519')
      const node0 = await start('content')
      const file = await rawBlock(textBytes('named'))
      const root = await directoryBlock({ file })
      await putAll(node0, [file, root])
      const name = peerIdFromPrivateKey(key)
      const record = await makeIpnsRecord(key, `/ipfs/${root.cid}`, 60_000)
      const expired = await makeIpnsRecord(key, `/ipfs/${file.cid}`, -60_000)
      const forged = await makeIpnsRecord(await generateKeyPair('Ed25519'), `/ipfs/${file.cid}`, 60_000)
      const serveRecord = (bytes: Uint8Array) =>
        stack.use(serve(() => new Response(bytes as Uint8Array<ArrayBuffer>)))
      const honest = serveRecord(record)
      const node = await start('resolver', {
        delegatedRouters: [serveRecord(expired).url, serveRecord(forged).url, honest.url],
      })
      await node.connect((await node0.id()).addresses[0]!)
      expect((await node.resolve(`/ipns/${name}/file`)).equals(file.cid)).toBe(true)
      expect(honest.asked).toContain(`/routing/v1/ipns/${name.toCID().toString(base36)}`)
      const misled = await start('misled', {
        delegatedRouters: [serveRecord(expired).url, serveRecord(forged).url],
      })
      const error = await expectIpfsError(misled.resolve(`/ipns/${name}`), 'failed')
      expect(error.message).toContain('expired')
      expect(error.message).toContain('signature')
    },
    limit,
  )

  describe('in the network of its cluster only', () => {
    test(
      'neither dials nor lets in whom it was not told of, and asks nobody over HTTP',
      async () => {
        const outside = stack.use(serve(() => new Response('', { status: 404 })))
        const stranger = await start('stranger')
        const confined = await start('confined', {
          network: 'cluster',
          delegatedRouters: [outside.url],
          trustlessGateways: [outside.url],
        })
        const address = (await confined.id()).addresses[0]!
        await stranger.connect(address).catch(() => undefined)
        expect(await confined.swarmPeers()).toEqual([])
        const { root } = await fileTree('nowhere', 1)
        const alone = await expectIpfsError(confined.pin(root.cid, pinOptions({ stallTimeout: 0 })), 'failed')
        expect(alone.message).toContain('no IPFS node is connected')
        expect(outside.asked).toEqual([])
        const error = await expectIpfsError(confined.resolve('/ipns/example.org'), 'failed')
        expect(error.message).toContain('ipfs_connector.embedded.network')
      },
      limit,
    )

    test(
      'exchanges blocks with those that it was told of, whoever dials',
      async () => {
        const first = await start('first', { network: 'cluster' })
        const second = await start('second', { network: 'cluster' })
        const { root, leaves } = await fileTree('inside', 3)
        await putAll(first, [...leaves, root])
        // As cluster peers do: each is told of the other, one of them before the other.
        await second.connect((await first.id()).addresses[0]!).catch(() => undefined)
        await first.connect((await second.id()).addresses[0]!)
        await second.pin(root.cid, pinOptions())
        expect(await second.swarmPeers()).toEqual([(await first.id()).id])
      },
      limit,
    )
  })

  test('says which address and setting it is when a port is in use', async () => {
    const gatewayListenMultiaddress = ['/ip4/127.0.0.1/tcp/0']
    const first = await start('first', { gatewayListenMultiaddress })
    const port = /tcp\/\d+/.exec((await first.id()).addresses[0]!)![0]
    const swarm = start('second', { swarmListenMultiaddress: [`/ip4/127.0.0.1/${port}`] })
    await expect(swarm).rejects.toThrow(
      `cannot listen on /ip4/127.0.0.1/${port}: the port is in use; stop what uses it, or change ` +
        'ipfs_connector.embedded.swarm_listen_multiaddress',
    )
    const gatewayPort = new URL(first.gatewayUrls[0]!).port
    const gateway = start('second', { gatewayListenMultiaddress: [`/ip4/127.0.0.1/tcp/${gatewayPort}`] })
    await expect(gateway).rejects.toThrow(
      `cannot listen on /ip4/127.0.0.1/tcp/${gatewayPort}: the port is in use; stop what uses it, or change ` +
        'ipfs_connector.embedded.gateway_listen_multiaddress',
    )
    // What was open when it failed is closed again.
    await start('second')
  })

  test('refuses addresses that are none, naming the setting', async () => {
    await expect(start('a', { swarmListenMultiaddress: ['nowhere'] })).rejects.toThrow(
      'swarm_listen_multiaddress',
    )
    await expect(start('b', { bootstrap: ['/ip4/127.0.0.1/tcp/1'] })).rejects.toThrow('bootstrap')
    await expect(start('c', { gatewayListenMultiaddress: ['/unix/x'] })).rejects.toThrow('gateway_listen')
  })
})

async function startDhtServer(): Promise<{ host: Libp2p; dht: KadDHT }> {
  const host = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: encrypters() as never,
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      ping: ping(),
      dht: kadDHT({ clientMode: false, peerInfoMapper: passthroughMapper }),
    },
  })
  return { host, dht: host.services.dht }
}

async function connectedTo(node: EmbeddedIpfs, servers: { host: Libp2p }[]): Promise<void> {
  for (const { host } of servers) {
    while (!(await node.swarmPeers()).includes(host.peerId.toString())) await nextTurn()
  }
}

/** Resolves once the server knows somebody who has it. */
async function announced(dht: KadDHT, cid: CID): Promise<void> {
  for (;;) {
    for await (const event of dht.findProviders(cid)) {
      if (event.name === 'PROVIDER' && event.providers.length > 0) return
    }
    await nextTurn()
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function serve(
  answer: () => Response | Promise<Response>,
): AsyncDisposable & { url: string; asked: string[] } {
  const asked: string[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      asked.push(new URL(request.url).pathname)
      return answer()
    },
  })
  return { url: `http://127.0.0.1:${server.port}`, asked, [Symbol.asyncDispose]: () => server.stop(true) }
}

function providersAnswer(records: unknown[], ndjson: boolean): Response {
  const body = ndjson
    ? records.map((record) => JSON.stringify(record)).join('\n')
    : JSON.stringify({ Providers: records })
  return new Response(body, {
    headers: { 'content-type': ndjson ? 'application/x-ndjson' : 'application/json' },
  })
}

function endlessBody(): ReadableStream<Uint8Array> {
  return new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) })
}
