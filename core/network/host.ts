/**
 * The libp2p host by which a peer speaks with the other peers of its cluster (`spec/wire.md` §1, §2.2): private network,
 * TLS and noise, yamux, TCP, identify, ping, DHT, mDNS and gossipsub, set up as the original does.
 */
import { type GossipSub, gossipsub } from '@chainsafe/libp2p-gossipsub'
import { identify, identifyPush } from '@libp2p/identify'
import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper, removePublicAddressesMapper } from '@libp2p/kad-dht'
import { mdns } from '@libp2p/mdns'
import { type Ping, ping } from '@libp2p/ping'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { encrypters } from './encrypters.ts'
import { messageId } from './topics.ts'

export interface HostServices extends Record<string, unknown> {
  pubsub: GossipSub
  dht: KadDHT
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

export interface HostInit {
  privateKey: PrivateKey
  /** 32 bytes; undefined = no private network. */
  secret: Uint8Array | undefined
  listen: string[]
  announce: string[]
  noAnnounce: string[]
  /** Connections kept at most. */
  maxConnections: number
  /** Milliseconds to reach one address. */
  dialTimeout: number
  mdns: boolean
  pubsub: PubsubSettings
}

/** Milliseconds for which a message counts as seen, in Go whatever the configuration says. */
const seenMessages = 30 * 60_000

/** Milliseconds that the exchange of private-network nonces may take; the library's 1 s is too short for a busy machine. */
const nonceTimeout = 5_000

/** Bytes of one pubsub message with its frame (`spec/wire.md` §2.2). */
const maxPubsubBytes = 1024 * 1024

/** Creates the host without starting it, so that protocols can be registered first. */
export async function createHost(init: HostInit): Promise<ClusterHost> {
  const host = await createLibp2p({
    start: false,
    nodeInfo: { userAgent: agent },
    privateKey: init.privateKey,
    addresses: {
      listen: init.listen.filter(isListenable),
      announce: init.announce,
      noAnnounce: init.noAnnounce,
    },
    transports: [tcp()],
    connectionEncrypters: encrypters() as never,
    streamMuxers: [yamux()],
    ...(init.secret === undefined
      ? {}
      : {
          connectionProtector: preSharedKey({ psk: swarmKey(init.secret), timeout: nonceTimeout } as never),
        }),
    connectionManager: { maxConnections: init.maxConnections, dialTimeout: init.dialTimeout },
    connectionMonitor: { enabled: true },
    peerDiscovery: init.mdns ? [mdns({ serviceTag: '_ipfs-cluster-discovery._udp.local' })] : [],
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping(),
      pubsub: gossipsub(pubsubOptions(init.pubsub)),
      dht: kadDHT({
        protocol: '/ipfs/lan/kad/1.0.0',
        clientMode: false,
        peerInfoMapper: init.listen.every(isLoopback) ? passthroughMapper : removePublicAddressesMapper,
      }),
    },
  })
  return host as unknown as ClusterHost
}

const agent = 'cluster/1.1.6'

function pubsubOptions(settings: PubsubSettings) {
  const { dFactor } = settings
  return {
    globalSignaturePolicy: 'StrictSign' as const,
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
    // Peers of one machine or one office share an address; Go does not score at all.
    scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 },
  }
}

/** The file form of a pre-shared key, which is what the library reads. */
function swarmKey(secret: Uint8Array): Uint8Array {
  return new TextEncoder().encode(`/key/swarm/psk/1.0.0/\n/base16/\n${Buffer.from(secret).toString('hex')}`)
}

/** QUIC stands in the default configuration and is never bound: it cannot carry a private network. */
function isListenable(address: string): boolean {
  return /\/tcp\/\d+$/.test(address)
}

function isLoopback(address: string): boolean {
  return /^\/ip4\/127\.|^\/ip6\/::1\//.test(address)
}
