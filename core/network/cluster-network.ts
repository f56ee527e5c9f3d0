/**
 * All that a peer does with the other peers of its cluster, in one object: the host, the two pubsub channels, the exchange
 * of blocks, replication, connections, and calls in both directions.
 */
import { join } from 'node:path'
import type { Connection, PrivateKey } from '@libp2p/interface'
import { unheardIpv6 } from '../libp2p/listening.ts'
import type { Metric } from '../monitor/metric.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { Runtime } from '../runtime/ports.ts'
import type { Store } from '../runtime/store.ts'
import { type Bandwidth, BandwidthMeter } from './bandwidth.ts'
import { Belonging } from './belonging.ts'
import { watchConnections, watchPubsub, watchStream } from './broken-traffic.ts'
import { type MetricsChannel, openHeadsChannel, openMetricsChannel } from './channels.ts'
import { type ConnectionSettings, Connections } from './connections.ts'
import {
  type ClusterHost,
  createHost,
  defaultInboundLimits,
  type InboundLimits,
  isListenable,
  type PubsubSettings,
  startHost,
} from './host.ts'
import { type KnownPeer, KnownPeers } from './known-peers.ts'
import { Listeners, type Router } from './listeners.ts'
import { type BrokenOpening, OpeningWatch } from './opening-watch.ts'
import { openParkedBlocks } from './parked-blocks.ts'
import { openPinsetBlocks } from './pinset-blocks.ts'
import { secretFingerprint } from './private-network.ts'
import { type RefusalKind, Refusals } from './refusals.ts'
import { RemoteCalls, rpcProtocol, serveCalls } from './remote-calls.ts'
import { Replication } from './replication.ts'
import type { AnyHandler } from './rpc/server.ts'
import { pagesProtocol } from './rpc/status-pages.ts'
import { streamMetrics } from './stream-metrics.ts'
import { syncProtocol } from './sync/protocol.ts'
import { openHistory, serveSync } from './sync/streams.ts'
import { headsTopic, metricsTopic } from './topics.ts'
import { TrustedPeers } from './trusted-peers.ts'

export interface NetworkSettings extends ConnectionSettings {
  /** `crdt.cluster_name`. */
  clusterName: string
  /** 64 hex digits, or empty for no private network. */
  secret: string
  listen: string[]
  announce: string[]
  noAnnounce: string[]
  mdns: boolean
  pubsub: PubsubSettings
  /** Peer IDs, or `*`. */
  trustedPeers: string[]
  /** Multiaddrs with `/p2p/<id>`. */
  peerAddresses: string[]
  /** Milliseconds. */
  rebroadcastInterval: number
}

export interface ClusterNetworkInit {
  identity: { id: PeerIdText; privateKey: PrivateKey }
  settings: NetworkSettings
  /** The peer's folder, for a file that lives as long as the process. */
  folder: string
  /** Lines of the peerstore file. */
  peerstore: readonly string[]
  store: Pick<Store, 'heads' | 'block' | 'hasBlock' | 'merge' | 'onChange'>
  runtime: Runtime
  /** `defaultInboundLimits` when absent. */
  inbound?: InboundLimits
}

/** Connections above the high water mark that are taken until the next look at their number. */
const surplusShare = 1.25

/** Prepares the network; nothing listens yet. Rejects with `PeerAddressError` for addresses that cannot be used. */
export async function createClusterNetwork(init: ClusterNetworkInit): Promise<ClusterNetwork> {
  const { identity, settings, runtime } = init
  const known = new KnownPeers(identity.id)
  const unread = known.restore(init.peerstore)
  const configured = known.configure(settings.peerAddresses, 'cluster.peer_addresses')
  const logger = runtime.logger.component('cluster')
  if (unread.length > 0) {
    logger.warn('lines of the peerstore file are no addresses of peers; they are passed over', {
      lines: unread.length,
      first: unread[0],
    })
  }
  const secret = settings.secret === '' ? undefined : Uint8Array.from(Buffer.from(settings.secret, 'hex'))
  const fingerprint = secret && secretFingerprint(secret)
  const refusals = new Refusals(logger)
  const openingWatch = new OpeningWatch((broken) => noteBroken(broken, refusals, fingerprint))
  const bandwidth = new BandwidthMeter(runtime.clock)
  const host = await createHost({
    ...settings,
    privateKey: identity.privateKey,
    secret,
    openingWatch,
    topics: [headsTopic(settings.clusterName), metricsTopic],
    maxConnections: Math.ceil(settings.highWater * surplusShare),
    metrics: streamMetrics(bandwidth, (stream) => watchStream(stream, host, refusals)),
    inbound: init.inbound ?? defaultInboundLimits,
  })
  watchConnections(host, refusals)
  watchPubsub(host.services.pubsub, refusals)
  return new ClusterNetwork(init, { host, known, configured, openingWatch, fingerprint, refusals, bandwidth })
}

export interface BegunByOthers {
  /** Remote calls, and bytes of values that have not all come. */
  calls: number
  callBytes: number
  /** Sessions in which they catch up. */
  syncSessions: number
  /** Bytes of bitswap messages that have not all come. */
  bitswapBytes: number
}

interface NetworkParts {
  host: ClusterHost
  known: KnownPeers
  configured: PeerIdText[]
  openingWatch: OpeningWatch
  fingerprint: string | undefined
  refusals: Refusals
  bandwidth: BandwidthMeter
}

export class ClusterNetwork implements AsyncDisposable {
  /** For the interoperability tests, and for what is not here yet. */
  readonly host: ClusterHost
  readonly trusted: TrustedPeers
  readonly #init: ClusterNetworkInit
  readonly #parts: NetworkParts
  readonly #connections: Connections
  readonly #calls: RemoteCalls
  readonly #opened = new AsyncDisposableStack()
  readonly #metricListeners = new Set<(metric: Metric) => void>()
  #onListener: (peer: PeerIdText) => void = () => undefined
  #listeners: Listeners | undefined
  #metrics: MetricsChannel | undefined
  #replication: Replication | undefined
  #belonging: Belonging | undefined
  #begun: () => BegunByOthers = () => ({ calls: 0, callBytes: 0, syncSessions: 0, bitswapBytes: 0 })

  constructor(init: ClusterNetworkInit, parts: NetworkParts) {
    this.#init = init
    this.#parts = parts
    this.host = parts.host
    this.trusted = new TrustedPeers(init.identity.id, init.settings.trustedPeers)
    this.#connections = new Connections({
      ...parts,
      settings: init.settings,
      configured: () => [...parts.configured, ...this.trusted.named()],
      runtime: init.runtime,
    })
    this.#calls = new RemoteCalls(this.#connections, init.runtime.scheduler)
  }

  /** Listens, answers calls, takes part in the channels, and begins to connect. Rejects with `SwarmListenError`. */
  async start(handlers: AnyHandler[]): Promise<void> {
    const { store, runtime, settings, folder } = this.#init
    const { host, refusals } = this.#parts
    const isTrusted = (peer: PeerIdText) => this.trusted.has(peer) && this.#belonging?.isOther(peer) !== true
    const opened = this.#opened
    const { pubsub } = host.services
    const { clusterName, rebroadcastInterval } = settings
    const topic = headsTopic(clusterName)
    this.#belonging = opened.use(
      new Belonging({
        host,
        pubsub,
        clusterName,
        headsTopic: topic,
        metricsTopic,
        refusals,
        logger: runtime.logger.component('cluster'),
        scheduler: runtime.scheduler,
      }),
    )
    const router = pubsub as unknown as Router
    this.#listeners = opened.use(
      new Listeners(router, metricsTopic, runtime.scheduler, (peer) => this.#onListener(peer)),
    )
    const parked = opened.use(openParkedBlocks(join(folder, 'parked-blocks.sqlite')))
    const calls = await serveCalls(host, handlers, { ...runtime, isTrusted })
    const sync = await serveSync({ host, store, runtime })
    opened.defer(async () => void (await host.stop()))
    await startHost(host)
    const unheard = unheardIpv6(host, settings.listen.filter(isListenable))
    if (unheard.length > 0) {
      runtime.logger
        .component('cluster')
        .warn('IPv6 is not listened at: is there none on this machine?', { addresses: unheard.join(', ') })
    }
    const blocks = opened.use(await openPinsetBlocks({ host, store, runtime }))
    this.#begun = () => ({
      calls: calls.calls,
      callBytes: calls.bytes,
      syncSessions: sync.sessions,
      bitswapBytes: blocks.partialBytes,
    })
    const heads = opened.use(openHeadsChannel(pubsub, topic, isTrusted, refusals))
    const metrics = opened.use(openMetricsChannel(pubsub, runtime.clock, refusals))
    metrics.subscribe((metric) => {
      // Only a connected peer shows what cluster it is of.
      if (this.#belonging?.isUnknown(metric.peer) === true) this.#connections.meet(metric.peer)
      for (const listener of this.#metricListeners) listener(metric)
    })
    this.#metrics = metrics
    const history = opened.use(
      openHistory({ host, store, topic, runtime, isTrusted, connections: this.#connections }),
    )
    this.#replication = opened.use(
      new Replication({ store, channel: heads, blocks, parked, history, rebroadcastInterval, runtime }),
    )
    this.#replication.start()
    opened.use(this.#connections)
    this.#connections.start()
  }

  /** Calls a method of another peer; see `RemoteCalls`. */
  readonly call: RemoteCalls['call'] = (...call) => this.#calls.call(...call)
  readonly stream: RemoteCalls['stream'] = (...call) => this.#calls.stream(...call)

  /** Before the start it goes nowhere, as it does when nobody listens. */
  async publishMetric(metric: Metric): Promise<void> {
    await this.#metrics?.publish(metric)
  }

  /** Metrics of other peers, each signed by whom it is of. Returns the function that ends it. */
  onMetric(listener: (metric: Metric) => void): () => void {
    const own = (metric: Metric) => listener(metric)
    this.#metricListeners.add(own)
    return () => this.#metricListeners.delete(own)
  }

  /** Calls back with each peer that becomes connected. */
  onConnect(listener: (peer: PeerIdText) => void): void {
    this.host.addEventListener('peer:connect', ({ detail }) => listener(detail.toString()))
  }

  /** Calls back with each peer from when on it hears the metrics of this one. Only the last `listener` is called. */
  onListener(listener: (peer: PeerIdText) => void): void {
    this.#onListener = listener
  }

  /** Resolves when a peer hears the metrics of this one and this one its metrics, and else after `ms` milliseconds. */
  async untilItHears(peer: PeerIdText, ms: number): Promise<void> {
    await this.#listeners?.until(peer, ms)
  }

  /** Own addresses, each ending in `/p2p/<id>`. */
  addresses(): string[] {
    return this.host.getMultiaddrs().map(String)
  }

  connectedPeers(): PeerIdText[] {
    return this.#connections.peers()
  }

  /** Peers that addresses are known of, best first. */
  knownPeers(): KnownPeer[] {
    return this.#parts.known.all()
  }

  /** What the peerstore file is to have. */
  peerstoreLines(): string[] {
    return this.#parts.known.lines()
  }

  /** Keeps addresses as those of the configuration. Returns their peers. Throws `PeerAddressError`. */
  addPeerAddresses(addresses: readonly string[], key: string): PeerIdText[] {
    const peers = this.#parts.known.configure(addresses, key)
    this.#parts.configured.push(...peers)
    return peers
  }

  /** Rejects with `PeerUnreachableError` or `SecretMismatchError`. */
  connect(peer: PeerIdText, signal?: AbortSignal): Promise<Connection> {
    return this.#connections.connect(peer, signal)
  }

  /** False of peers that hold the secret and are of a cluster of another name, or have not shown yet that they are not. */
  belongs(peer: PeerIdText): boolean {
    return this.#belonging?.counts(peer) ?? true
  }

  bandwidth(): Map<string, Bandwidth> {
    return this.#parts.bandwidth.byProtocol()
  }

  /** What others sent and was not taken, by kind. */
  refused(): ReadonlyMap<RefusalKind, number> {
    return this.#parts.refusals.counts()
  }

  /** What other peers have begun here and not ended. */
  begunByOthers(): BegunByOthers {
    return this.#begun()
  }

  /** Blocks of the pinset that are known of and not merged yet. */
  get behind(): number {
    return this.#replication?.behind ?? 0
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.host.status === 'started') await this.host.unhandle([rpcProtocol, pagesProtocol, syncProtocol])
    await this.#opened.disposeAsync()
  }
}

/** The address of the host alone: each connection has another port. */
function noteBroken(
  { address, peer, kind }: BrokenOpening,
  refusals: Refusals,
  fingerprint: string | undefined,
): void {
  if (kind === 'unreadable') {
    refusals.note('unreadable connection', hostOf(address), fingerprintHint(fingerprint))
  } else refusals.note('broken connection', peer ?? hostOf(address), `it was ${kind}`)
}

function hostOf(address: string): string {
  return /^\/[^/]+\/([^/]+)/.exec(address)?.[1] ?? address
}

function fingerprintHint(fingerprint: string | undefined): string {
  const secret = fingerprint === undefined ? 'empty' : `that with the fingerprint ${fingerprint}`
  return `nothing on it could be read: most likely the other side has another cluster secret; ours is ${secret}`
}
