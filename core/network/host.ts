/**
 * The libp2p host by which a peer speaks with the other peers of its cluster (`spec/wire.md` §1, §2.2): private network,
 * TLS and noise, yamux, TCP, identify, ping, DHT, mDNS and gossipsub, set up as the original does.
 */
import { type GossipSub, gossipsub } from '@chainsafe/libp2p-gossipsub'
import { identify, identifyPush } from '@libp2p/identify'
import type { Libp2p, Metrics, PeerInfo, PrivateKey } from '@libp2p/interface'
import {
  type KadDHT,
  kadDHT,
  passthroughMapper,
  removePrivateAddressesMapper,
  removePublicAddressesMapper,
} from '@libp2p/kad-dht'
import { mdns } from '@libp2p/mdns'
import { type Ping, ping } from '@libp2p/ping'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import type { Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { BoundedDatastore } from '../libp2p/bounded-datastore.ts'
import {
  defaultUnprovenLimits,
  UnprovenConnections,
  type UnprovenLimits,
} from '../libp2p/unproven-connections.ts'
import { isHidden } from './announced-addresses.ts'
import { encrypters } from './encrypters.ts'
import { SwarmListenError } from './errors.ts'
import type { OpeningWatch } from './opening-watch.ts'
import { swarmKey } from './private-network.ts'
import { messageId, seenMessages } from './topics.ts'

export interface HostServices extends Record<string, unknown> {
  pubsub: GossipSub
  /** For peers of one network. */
  lanDht: KadDHT
  /** For peers that reach each other by public addresses; a server once others can dial this peer. */
  wanDht: KadDHT
  ping: Ping
}

export type ClusterHost = Libp2p<HostServices>

export interface PubsubSettings {
  /** Milliseconds. */
  heartbeatInterval: number
  /** Times the usual sizes of the mesh. */
  dFactor: number
  historyLength: number
  historyGossip: number
  floodPublish: boolean
  /** Followers do not offer other peers when they leave a mesh. */
  peerExchange: boolean
}

/** Connections that are taken from others. */
export interface InboundLimits extends UnprovenLimits {
  /** New connections of one IP address in a second. */
  perSecond: number
}

export interface HostInit {
  privateKey: PrivateKey
  /** 32 bytes; undefined = no private network. */
  secret: Uint8Array | undefined
  listen: string[]
  announce: string[]
  noAnnounce: string[]
  /** Connections kept at most; further ones are refused. */
  maxConnections: number
  /** Milliseconds to reach a peer by one of its addresses. */
  dialTimeout: number
  mdns: boolean
  pubsub: PubsubSettings
  /** The topics that are taken part in; messages of others are passed over. */
  topics: string[]
  openingWatch: OpeningWatch
  metrics?: Metrics
  /** `defaultInboundLimits` when absent. */
  inbound?: InboundLimits
}

export const defaultInboundLimits: InboundLimits = { perSecond: 50, ...defaultUnprovenLimits }

/** Milliseconds that the exchange of private-network nonces may take; the library's 1 s is too short for a busy machine. */
const nonceTimeout = 5_000

/** Bytes of one pubsub message with its frame (`spec/wire.md` §2.2). */
const maxPubsubBytes = 1024 * 1024

/** Bytes of pubsub messages that wait for one slow peer; beyond, its stream is closed. */
const maxPubsubWaiting = 4 * 1024 * 1024

/** Pubsub messages in one frame. */
const maxPubsubMessages = 1_000

/** Bytes that the other side may send on a stream before they are read here, and that are kept unread at most. */
const maxStreamWindow = 4 * 1024 * 1024
const maxUnreadBytes = 8 * 1024 * 1024

/** Milliseconds between two pings of a connection, and without an answer after which it is closed, at least. */
const pingInterval = 15_000
const minPingTimeout = 15_000

/** Creates the host without starting it, so that protocols can be registered first. */
export async function createHost(init: HostInit): Promise<ClusterHost> {
  const { listen, secret, openingWatch } = init
  const inbound = init.inbound ?? defaultInboundLimits
  const hidden = isHidden(init.noAnnounce)
  const local = listen.every(isLoopback)
  const host = await createLibp2p({
    start: false,
    nodeInfo: { userAgent: agent },
    privateKey: init.privateKey,
    addresses: {
      listen: listen.filter(isListenable),
      announce: init.announce,
      announceFilter: (addresses: Multiaddr[]) => addresses.filter((address) => !hidden(address)),
    },
    transports: [tcp()],
    connectionEncrypters: openingWatch.encrypters(encrypters()) as never,
    connectionGater: new UnprovenConnections(inbound).gater(openingWatch.gater),
    streamMuxers: [
      yamux({ streamOptions: { maxStreamWindowSize: maxStreamWindow, maxReadBufferLength: maxUnreadBytes } }),
    ],
    ...(secret && { connectionProtector: protector(secret) }),
    ...(init.metrics && { metrics: () => init.metrics as Metrics }),
    connectionManager: {
      maxConnections: init.maxConnections,
      dialTimeout: init.dialTimeout,
      addressDialTimeout: init.dialTimeout,
      inboundConnectionThreshold: inbound.perSecond,
      // The library refuses the newest, whatever the others have sent.
      maxIncomingPendingConnections: Number.POSITIVE_INFINITY,
    },
    datastore: new BoundedDatastore(),
    connectionMonitor: { enabled: true, pingInterval, pingTimeout: { minTimeout: minPingTimeout } },
    peerDiscovery: init.mdns ? [mdns({ serviceTag: '_ipfs-cluster-discovery._udp.local' })] : [],
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping(),
      pubsub: gossipsub(pubsubOptions(init.pubsub, init.topics)),
      lanDht: kadDHT({
        protocol: '/ipfs/lan/kad/1.0.0',
        clientMode: false,
        logPrefix: 'libp2p:lan-dht',
        datastorePrefix: '/lan-dht',
        metricsPrefix: 'libp2p_lan_dht',
        // Hosts that listen on loopback only are those of tests.
        peerInfoMapper: local ? passthroughMapper : lanAddresses,
      }),
      wanDht: kadDHT({
        protocol: '/ipfs/kad/1.0.0',
        peerInfoMapper: removePrivateAddressesMapper,
      }),
    },
  })
  return host as unknown as ClusterHost
}

/** Rejects with `SwarmListenError` when it cannot listen. */
export async function startHost(host: ClusterHost): Promise<void> {
  try {
    await host.start()
  } catch (error) {
    await host.stop()
    throw listenError(error)
  }
}

const agent = 'cluster/1.1.6'

function protector(secret: Uint8Array) {
  return preSharedKey({ psk: new TextEncoder().encode(swarmKey(secret)), timeout: nonceTimeout })
}

function pubsubOptions(settings: PubsubSettings, topics: string[]) {
  const { dFactor } = settings
  return {
    globalSignaturePolicy: 'StrictSign' as const,
    allowedTopics: topics,
    msgIdFn: (message: {
      type: string
      from?: { toMultihash(): { bytes: Uint8Array } }
      sequenceNumber?: bigint
    }) => messageId(message.from?.toMultihash().bytes ?? new Uint8Array(0), message.sequenceNumber ?? 0n),
    seenTTL: seenMessages,
    heartbeatInterval: settings.heartbeatInterval,
    D: 6 * dFactor,
    Dlo: 5 * dFactor,
    Dhi: 12 * dFactor,
    Dscore: 4 * dFactor,
    Dout: 2 * dFactor,
    Dlazy: 6 * dFactor,
    mcacheLength: settings.historyLength,
    mcacheGossip: settings.historyGossip,
    floodPublish: settings.floodPublish,
    doPX: settings.peerExchange,
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    fallbackToFloodsub: true,
    maxInboundDataLength: maxPubsubBytes,
    maxOutboundBufferSize: maxPubsubWaiting,
    // One frame after the other: the next is read when the messages of the last are dealt with.
    awaitRpcHandler: true,
    awaitRpcMessageHandler: true,
    decodeRpcLimits: { ...controlLimits, maxMessages: maxPubsubMessages },
    // Peers of one machine or one office share an address; Go does not score at all.
    scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 },
  }
}

/** Entries of control messages that are read. Go sends IHAVEs with up to 10,000 IDs, here in frames of half of that. */
const controlLimits = {
  maxSubscriptions: 1_000,
  maxIhaveMessageIDs: 10_000,
  maxIwantMessageIDs: 10_000,
  maxIdontwantMessageIDs: 1_000,
  maxControlMessages: 1_000,
  maxPeerInfos: 64,
}

/** What the DHT of the local network keeps of a peer: private addresses, but not those that each machine has for itself. */
export function lanAddresses(peer: PeerInfo): PeerInfo {
  const { id, multiaddrs } = removePublicAddressesMapper(peer)
  return { id, multiaddrs: multiaddrs.filter((address) => !isLoopback(address.toString())) }
}

/** QUIC stands in the default configuration and is never bound: it cannot carry a private network. */
export function isListenable(address: string): boolean {
  return /\/tcp\/\d+$/.test(address)
}

function isLoopback(address: string): boolean {
  return /^\/ip4\/127\.|^\/ip6\/::1\//.test(address)
}

/** The library names the addresses and their errors in its message only. */
function listenError(error: unknown): unknown {
  const [, address, problem] =
    /^ {2}(\/\S+): (?:Error: )?(.+)$/m.exec(error instanceof Error ? error.message : '') ?? []
  if (address === undefined || problem === undefined) return error
  const why = problem.includes('EADDRINUSE') ? 'the port is in use' : problem
  return new SwarmListenError(address, why, { cause: error })
}
