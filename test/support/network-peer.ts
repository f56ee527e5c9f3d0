/** A peer's network and store, without the rest of a peer: real host on loopback, real SQLite. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import {
  type ClusterNetwork,
  createClusterNetwork,
  type NetworkSettings,
} from '../../core/network/cluster-network.ts'
import type { InboundLimits } from '../../core/network/host.ts'
import type { AnyHandler } from '../../core/network/rpc/server.ts'
import type { PeerIdText } from '../../core/pin/pin.ts'
import type { Runtime } from '../../core/runtime/ports.ts'
import type { Store } from '../../core/runtime/store.ts'
import { createSystemRuntime } from '../../core/runtime/system.ts'
import { openStore } from '../../core/store/sqlite-store.ts'

export const testSecret = '42'.repeat(32)

export interface NetworkPeerInit {
  settings?: Partial<NetworkSettings>
  handlers?: (peer: { id: PeerIdText }) => AnyHandler[]
  peerstore?: string[]
  privateKey?: PrivateKey
  /** Kept when given. */
  folder?: string
  inbound?: InboundLimits
  /** Gets each log line. */
  log?: (line: string) => void
}

export interface NetworkPeer extends AsyncDisposable {
  id: PeerIdText
  privateKey: PrivateKey
  folder: string
  store: Store
  network: ClusterNetwork
  runtime: Runtime
  /** For others to connect to. */
  address: string
}

export const testSettings: NetworkSettings = {
  clusterName: 'test cluster',
  secret: testSecret,
  listen: ['/ip4/127.0.0.1/tcp/0'],
  announce: [],
  noAnnounce: [],
  lowWater: 100,
  highWater: 400,
  gracePeriod: 120_000,
  dialTimeout: 3_000,
  mdns: false,
  pubsub: {
    heartbeatInterval: 1_000,
    dFactor: 4,
    historyLength: 6,
    historyGossip: 2,
    floodPublish: false,
    peerExchange: true,
  },
  trustedPeers: ['*'],
  peerAddresses: [],
  rebroadcastInterval: 60_000,
}

/** Starts a peer that holds nothing and knows nobody, unless told otherwise. */
export async function startNetworkPeer(init: NetworkPeerInit = {}): Promise<NetworkPeer> {
  await using started = new AsyncDisposableStack()
  const folder = init.folder ?? mkdtempSync(join(tmpdir(), 'cluster-network-'))
  if (init.folder === undefined) started.defer(() => rmSync(folder, { recursive: true, force: true }))
  const privateKey = init.privateKey ?? (await generateKeyPair('Ed25519'))
  const id = peerIdFromPrivateKey(privateKey).toString()
  const { log } = init
  const runtime = createSystemRuntime({
    levels: { all: log === undefined ? 'error' : 'debug', components: new Map() },
    write: log ?? (() => undefined),
  })
  const store = started.use(await openStore({ folder, self: id, runtime }))
  const network = started.use(
    await createClusterNetwork({
      identity: { id, privateKey },
      settings: { ...testSettings, ...init.settings },
      folder,
      peerstore: init.peerstore ?? [],
      store,
      runtime,
      ...(init.inbound && { inbound: init.inbound }),
    }),
  )
  await network.start(init.handlers?.({ id }) ?? [])
  const address = network.addresses()[0]!
  const running = started.move()
  return {
    id,
    privateKey,
    folder,
    store,
    network,
    runtime,
    address,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** Waits until the condition holds, looking at it often; fails with `what` after `ms`. */
export async function eventually(what: string, holds: () => unknown, ms = 10_000): Promise<void> {
  const end = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${ms} ms`)
    await Bun.sleep(5)
  }
}

/** What two stores must agree on. */
export function stateOf(store: Store): { heads: string[]; pins: string[] } {
  const pins: string[] = []
  let after: string | undefined
  do {
    const page = store.pins({ limit: 1_000, ...(after !== undefined && { after }) })
    for (const { cid, name, timestamp } of page.rows) pins.push(`${cid} ${name} ${timestamp}`)
    after = page.next
  } while (after !== undefined)
  return {
    heads: store
      .heads()
      .map(({ cid, priority }) => `${cid} ${priority}`)
      .sort(),
    pins,
  }
}
