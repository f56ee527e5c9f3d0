/** A whole peer in this process: real store, real host on loopback. Its IPFS node is a Kubo that hangs, unless told otherwise. */
import { createServer, type Socket } from 'node:net'
import { loadPeerFiles } from '../../core/local/peer-files.ts'
import { createPeer, type Peer, type PeerInit } from '../../core/peer.ts'
import type { PeerIdText } from '../../core/pin/pin.ts'
import { createSystemRuntime } from '../../core/runtime/system.ts'
import { editService, initialisedFolder } from '../unit/config/initialised-folder.ts'
import { testSecret } from './network-peer.ts'
import type { TemporaryFolder } from './temporary-folder.ts'

export interface WholePeerInit {
  name?: string
  /** Changes service.json. */
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into JSON of any shape
  configure?: (json: any) => void
  bootstrap?: PeerInit['bootstrap']
}

export interface WholePeer extends AsyncDisposable {
  peer: Peer
  id: PeerIdText
  /** For others to connect to. */
  address: string
  /** Lines of the log, from `info` up. */
  log: string[]
  /** Stops the peer and keeps its folder. */
  stop(): Promise<void>
  /** Starts it again after `stop`. */
  start(): Promise<void>
}

/** Metrics are told every half second; a peer is gone a second after its last. */
export async function startWholePeer(init: WholePeerInit = {}): Promise<WholePeer> {
  await using started = new AsyncDisposableStack()
  const folder = started.use(await initialisedFolder({ ipfs: 'kubo', randomPorts: true }))
  const kubo = started.use(await hangingServer())
  await editService(folder.path, (json) => {
    json.cluster.peername = init.name ?? 'a peer'
    json.cluster.secret = testSecret
    json.cluster.listen_multiaddress = '/ip4/127.0.0.1/tcp/0'
    json.cluster.mdns_interval = '0s'
    json.cluster.monitor_ping_interval = '500ms'
    json.cluster.pubsub = { ...json.cluster.pubsub, heartbeat_interval: '200ms' }
    json.monitor.pubsubmon.check_interval = '200ms'
    json.api = {}
    json.ipfs_connector.ipfshttp.node_multiaddress = `/ip4/127.0.0.1/tcp/${kubo.port}`
    json.ipfs_connector.ipfshttp.connect_swarms_delay = '0s'
    init.configure?.(json)
  })
  const whole = await run(folder, init.bootstrap)
  started.defer(() => whole.stop())
  const running = started.move()
  whole[Symbol.asyncDispose] = () => running.disposeAsync()
  return whole
}

async function run(folder: TemporaryFolder, bootstrap: PeerInit['bootstrap']): Promise<WholePeer> {
  const log: string[] = []
  const runtime = createSystemRuntime({
    levels: { all: 'info', components: new Map() },
    write: (line) => log.push(line),
  })
  let peer: Peer | undefined
  const start = async () => {
    const { config, identity } = await loadPeerFiles({ folder: folder.path, environment: {} })
    peer = await createPeer({ config, identity, runtime, ...(bootstrap && { bootstrap }) })
    Object.assign(whole, { peer, id: identity.id, address: peer.clusterAddresses[0]! })
    // Nobody waits for an IPFS node that hangs.
    peer.ready.catch(() => undefined)
  }
  const stop = async () => {
    await peer?.[Symbol.asyncDispose]()
    peer = undefined
  }
  const whole = { log, start, stop } as WholePeer
  await start()
  return whole
}

/** Takes connections and says nothing. */
async function hangingServer(): Promise<AsyncDisposable & { port: number }> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => void sockets.add(socket))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((closed) => server.close(closed))
    },
  }
}
