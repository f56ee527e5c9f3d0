/** Makes the files of a new peer (`spec/cli.md §1`, init; `spec/config.md §5`). */
import { createSocket } from 'node:dgram'
import { access, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { parsePeerId } from '../pin/peer-id.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { Random } from '../runtime/ports.ts'
import { makePrivateFolder, writeFileAtomically } from './atomic-file.ts'
import type { Environment } from './component.ts'
import { ConfigExistsError, ConfigValueError } from './errors.ts'
import { identityFileOf, peerstoreFileOf, serviceFileOf } from './folder.ts'
import { createIdentity, loadIdentity, writeIdentity } from './identity.ts'
import { parseKeepingNumbers } from './json-text.ts'
import { address, type Json } from './kind.ts'
import { readPeerstore, writePeerstore } from './peerstore.ts'
import { createSecret, normalised } from './secret.ts'
import { checkService, defaultService, renderService, renderSource, type Service } from './service.ts'
import { checkSource } from './source.ts'

export interface InitOptions {
  folder: string
  environment: Environment
  random: Random
  /** Which section of the Go program's stores is written, so that it loads the file. */
  datastore: DatastoreName
  /** Multiaddrs with `/p2p/` of peers to begin with; when there are some, only they are trusted. */
  peers: string[]
  /** Takes ports that are free now. */
  randomPorts: boolean
  /** 64 hex digits; wins over `CLUSTER_SECRET`. */
  secret?: string
  ipfs: 'kubo' | 'embedded'
  /** Writes only a pointer to this configuration. */
  source?: string
  /** Replaces a configuration that is there. */
  force: boolean
}

export const datastoreNames = ['pebble', 'leveldb', 'badger', 'badger3'] as const
export type DatastoreName = (typeof datastoreNames)[number]

export interface Initialised {
  serviceFile: string
  identityFile: string
  /** False when there was one, which is kept. */
  identityCreated: boolean
  /** Absent when there is only a source. */
  peerstore?: { file: string; entries: number }
  id: PeerIdText
  /** Without a secret, everybody can join. */
  hasSecret: boolean
}

/**
 * Writes service.json, identity.json when there is none, and the peerstore. Everything is checked before the first file
 * is written. Throws `ConfigExistsError`, `ConfigValueError`, `IdentityError`.
 */
export async function initialise(options: InitOptions): Promise<Initialised> {
  const { folder } = options
  const serviceFile = serviceFileOf(folder)
  const previous = await readPrevious(serviceFile)
  if (previous !== undefined && !options.force) throw new ConfigExistsError(serviceFile)
  const peers = options.peers.map(checkedPeer)
  if (options.source !== undefined) checkSource(options.source)
  const service = options.source === undefined ? await newService(options, peers) : undefined
  const text =
    service === undefined ? renderSource(options.source!) : renderService(service, 'plain', previous?.json)

  const identityFile = identityFileOf(folder)
  const identityCreated = !(await exists(identityFile))
  const identity = identityCreated
    ? await createIdentity(options.environment)
    : (await loadIdentity(folder, options.environment)).identity

  await makePrivateFolder(folder)
  await writeFileAtomically(serviceFile, text, 0o600)
  if (identityCreated) await writeIdentity(folder, identity)
  const hasSecret = service === undefined || service.cluster.secret !== ''
  const done = { serviceFile, identityFile, identityCreated, id: identity.id, hasSecret }
  if (service === undefined) return done
  const file = peerstoreFileOf(folder, service.cluster.peerstoreFile)
  await writePeerstore(
    file,
    peers.map((peer) => peer.address),
  )
  return { ...done, peerstore: { file, entries: (await readPeerstore(file)).length } }
}

interface Peer {
  id: PeerIdText
  address: string
}

function checkedPeer(written: string): Peer {
  const trimmed = written.trim()
  const id = /\/(?:p2p|ipfs)\/([^/]+)$/.exec(trimmed)?.[1]
  if (address.fromText(trimmed) === undefined || id === undefined) {
    throw new ConfigValueError({
      origin: '--peers',
      key: '',
      value: trimmed,
      allowed: 'must be multiaddrs that end in /p2p/<peer ID>, comma separated',
    })
  }
  return { id: parsePeerId(id), address: trimmed }
}

async function newService(options: InitOptions, peers: Peer[]): Promise<Service> {
  const service = defaultService(
    [
      'crdt',
      'restapi',
      'pinsvcapi',
      'ipfsproxy',
      'disk',
      'tags',
      'pinqueue',
      options.datastore,
      ...(options.ipfs === 'embedded' ? (['embedded'] as const) : []),
    ],
    options.randomPorts
      ? { ...(await freePorts(options.ipfs)), ...options.environment }
      : options.environment,
  )
  service.cluster.secret = chosenSecret(options, service.cluster.secret)
  if (peers.length > 0) service.crdt!.trustedPeers = peers.map((peer) => peer.id)
  checkService(service, serviceFileOf(options.folder))
  return service
}

function chosenSecret({ secret, environment, random }: InitOptions, fromEnvironment: string): string {
  if (secret === undefined) {
    return environment.CLUSTER_SECRET === undefined ? createSecret(random) : fromEnvironment
  }
  const chosen = normalised(secret)
  if (chosen) return chosen
  throw new ConfigValueError({
    origin: 'the secret given',
    key: '',
    allowed: 'must be 64 hex digits (32 bytes)',
  })
}

/** The variables that set free ports, so that what the user sets himself wins. */
async function freePorts(ipfs: InitOptions['ipfs']): Promise<Environment> {
  const [swarm, rest, proxy, pinning] = await freeTcpPorts(4)
  const quic = await freeUdpPort()
  const local = (port: number | undefined) => `/ip4/127.0.0.1/tcp/${port}`
  const environment: Environment = {
    CLUSTER_LISTENMULTIADDRESS: `/ip4/0.0.0.0/tcp/${swarm},/ip4/0.0.0.0/udp/${quic}/quic`,
    CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS: local(rest),
    CLUSTER_IPFSPROXY_LISTENMULTIADDRESS: local(proxy),
    CLUSTER_PINSVCAPI_HTTPLISTENMULTIADDRESS: local(pinning),
  }
  if (ipfs === 'kubo') return environment
  const [nodeSwarm, gateway] = await freeTcpPorts(2)
  return {
    ...environment,
    CLUSTER_EMBEDDED_SWARMLISTENMULTIADDRESS: `/ip4/0.0.0.0/tcp/${nodeSwarm}`,
    CLUSTER_EMBEDDED_GATEWAYLISTENMULTIADDRESS: local(gateway),
  }
}

/** Listens on all of them at once, so that they differ. */
async function freeTcpPorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  try {
    return await Promise.all(
      servers.map(
        (server) =>
          new Promise<number>((resolve, reject) => {
            server.once('error', reject)
            server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
          }),
      ),
    )
  } finally {
    for (const server of servers) server.close()
  }
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4')
  try {
    return await new Promise<number>((resolve, reject) => {
      socket.once('error', reject)
      socket.bind(0, '127.0.0.1', () => resolve(socket.address().port))
    })
  } finally {
    socket.close()
  }
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  )
}

/** The file that is replaced; its JSON is undefined when it was broken. */
async function readPrevious(file: string): Promise<{ json: Json | undefined } | undefined> {
  if (!(await exists(file))) return undefined
  try {
    return { json: parseKeepingNumbers(await readFile(file, 'utf8')) }
  } catch {
    return { json: undefined }
  }
}
