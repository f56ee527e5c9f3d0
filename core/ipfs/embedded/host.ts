/**
 * The libp2p host of the embedded node: its own key and port, no private network. TCP with TLS or noise, yamux, identify,
 * ping, and in the public network the DHT as a client.
 */
import { identify, identifyPush } from '@libp2p/identify'
import type { ConnectionGater, Libp2p, PeerId, PrivateKey } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper, removePrivateAddressesMapper } from '@libp2p/kad-dht'
import { peerIdFromString } from '@libp2p/peer-id'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { CODE_P2P, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import * as Digest from 'multiformats/hashes/digest'
import { BoundedDatastore } from '../../libp2p/bounded-datastore.ts'
import { UnprovenConnections } from '../../libp2p/unproven-connections.ts'
import { encrypters } from '../../network/encrypters.ts'
import { type EmbeddedConfig, startingNodes } from './config.ts'
import { AddressError, ListenError, NameError } from './errors.ts'
import { nameOfRoutingKey, openRecord, selectRecord } from './exchange/ipns-record.ts'

export interface IpfsHost extends AsyncDisposable {
  readonly libp2p: Libp2p
  /** In the public network only. */
  readonly dht: KadDHT | undefined
  /** Lets a node in that this one was told of. */
  allow(peer: PeerId): void
}

/** Connections kept at most; the least useful ones are closed. */
const maxConnections = 300
/** New connections taken from one IP address in a second. */
const newConnectionsPerSecond = 50
/** ms to reach a peer, and to reach one of its addresses. */
const dialTimeout = 15_000
const addressDialTimeout = 8_000

/** Resolves once it listens. Rejects with `ListenError` or `AddressError`. */
export async function startHost(
  config: EmbeddedConfig,
  privateKey: PrivateKey,
  agent: string,
): Promise<IpfsHost> {
  const open = config.network === 'public'
  const told = new Set<string>()
  for (const text of startingNodes(config)) told.add(startingPeer(text).toString())
  const listen = config.swarmListenMultiaddress
  for (const text of listen) addressOf(text, 'swarm_listen_multiaddress')
  const local = listen.every((address) => /^\/ip4\/127\.|^\/ip6\/::1\//.test(address))
  const libp2p = await createLibp2p({
    start: false,
    privateKey,
    nodeInfo: { userAgent: agent },
    addresses: { listen, announce: config.swarmAnnounceMultiaddress },
    transports: [tcp()],
    connectionEncrypters: encrypters() as never,
    streamMuxers: [yamux()],
    datastore: new BoundedDatastore(),
    connectionManager: {
      maxConnections,
      dialTimeout,
      addressDialTimeout,
      inboundConnectionThreshold: newConnectionsPerSecond,
      // The library refuses the newest, whatever the others have sent.
      maxIncomingPendingConnections: Number.POSITIVE_INFINITY,
    },
    connectionGater: new UnprovenConnections().gater(open ? {} : onlyTold(told)),
    services: {
      identify: identify(),
      identifyPush: identifyPush(),
      ping: ping(),
      ...(open && {
        dht: kadDHT({
          clientMode: true,
          // Without peers there is no answer, and others are asked meanwhile.
          allowQueryWithZeroPeers: true,
          validators: { ipns: validateRecord },
          selectors: { ipns: (_key, records) => selectRecord(records) },
          // Hosts that listen on loopback only are those of tests.
          peerInfoMapper: local ? passthroughMapper : removePrivateAddressesMapper,
        }),
      }),
    },
  })
  try {
    await libp2p.start()
  } catch (error) {
    await libp2p.stop()
    throw listenError(error)
  }
  return {
    libp2p,
    dht: open ? (libp2p.services as unknown as { dht: KadDHT }).dht : undefined,
    allow: (peer) => void told.add(peer.toString()),
    [Symbol.asyncDispose]: async () => {
      await libp2p.stop()
    },
  }
}

/** Throws `AddressError`. `key` names the setting, or what else the text is. */
export function addressOf(text: string, key: string): Multiaddr {
  try {
    return multiaddr(text)
  } catch (cause) {
    throw new AddressError(text, key, 'is no multiaddr, such as /ip4/192.0.2.1/tcp/9099/p2p/12D3Koo…', {
      cause,
    })
  }
}

/** The peer that an address leads to. */
export function peerOf(address: Multiaddr): PeerId | undefined {
  const id = address.getComponents().findLast(({ code }) => code === CODE_P2P)?.value
  return id === undefined ? undefined : peerIdFromString(id)
}

function startingPeer(text: string): PeerId {
  const peer = peerOf(addressOf(text, 'bootstrap'))
  if (peer === undefined) throw new AddressError(text, 'bootstrap', 'does not end in /p2p/<peer ID>')
  return peer
}

function onlyTold(told: ReadonlySet<string>): ConnectionGater {
  const isStranger = (peer: PeerId) => !told.has(peer.toString())
  return {
    denyDialPeer: isStranger,
    denyInboundEncryptedConnection: isStranger,
    denyOutboundEncryptedConnection: isStranger,
  }
}

/** The library names the addresses and their errors in its message only. */
function listenError(error: unknown): unknown {
  const named = /^ {2}(\/\S+): (?:Error: )?(.+)$/m.exec(error instanceof Error ? error.message : '')
  if (named === null) return error
  const [, address, problem] = named as unknown as [string, string, string]
  const why = problem.includes('EADDRINUSE') ? 'the port is in use' : problem
  return new ListenError(address, 'swarm_listen_multiaddress', why, { cause: error })
}

/** Of IPNS records that the DHT gives. */
async function validateRecord(key: Uint8Array, record: Uint8Array): Promise<void> {
  const name = nameOfRoutingKey(key)
  if (name === undefined) throw new NameError('the key is not that of a name')
  await openRecord(Digest.decode(name), record, Date.now())
}
