/**
 * A peer of a cluster as a process with a configuration folder, whichever program runs it: both read the same files, answer
 * the same API and export the same lines.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ClusterClient } from '../../../core/client/cluster-client.ts'
import { type Daemon, freePorts, removeFolder } from './processes.ts'

// biome-ignore lint/suspicious/noExplicitAny: the file is whatever the program wrote.
export type ServiceJson = any

export abstract class ClusterPeer implements AsyncDisposable {
  readonly folder: string
  readonly daemon: Daemon
  readonly #ownsFolder: boolean

  protected constructor(folder: string, ownsFolder: boolean, daemon: Daemon) {
    this.folder = folder
    this.daemon = daemon
    this.#ownsFolder = ownsFolder
  }

  get id(): string {
    return JSON.parse(readFileSync(join(this.folder, 'identity.json'), 'utf8')).id
  }

  get config(): ServiceJson {
    return JSON.parse(readFileSync(join(this.folder, 'service.json'), 'utf8'))
  }

  get name(): string {
    return this.config.cluster.peername
  }

  /** Changes service.json; a running peer does not see it. */
  configure(change: (service: ServiceJson) => void): void {
    const service = this.config
    change(service)
    writeFileSync(join(this.folder, 'service.json'), JSON.stringify(service, undefined, 2))
  }

  /** Multiaddr for the peerstore or `--bootstrap` of another peer. */
  get address(): string {
    return `${this.config.cluster.listen_multiaddress[0]}/p2p/${this.id}`
  }

  /** Port of the address. */
  get swarmPort(): number {
    return Number(this.address.split('/')[4])
  }

  /** Multiaddr of the REST API. */
  get rest(): string {
    return this.config.api.restapi.http_listen_multiaddress
  }

  get restUrl(): string {
    const [, , host, , port] = this.rest.split('/')
    return `http://${host}:${port}`
  }

  get client(): ClusterClient {
    return new ClusterClient({ addresses: [this.rest] })
  }

  /** Starts the daemon and waits until its REST API answers, and with it its IPFS node. `bootstrap`: multiaddrs of peers. */
  async start({ bootstrap = [] }: { bootstrap?: string[] } = {}): Promise<void> {
    const args = bootstrap.length === 0 ? [] : ['--bootstrap', bootstrap.join(',')]
    const isReady = async () => (await this.client.id()).ipfs.error === ''
    for (let triesLeft = 2; ; triesLeft--) {
      try {
        return await this.daemon.start(isReady, args)
      } catch (error) {
        // The original panics when another peer calls it in its first moments, before it has set its own RPC client.
        if (triesLeft === 0 || !String(error).includes('nil pointer dereference')) throw error
      }
    }
  }

  /** Ends the daemon at once, as by a loss of power. */
  async kill(): Promise<void> {
    await this.daemon.kill()
  }

  async stop(): Promise<void> {
    await this.daemon.stop()
  }

  signal(name: NodeJS.Signals): void {
    this.daemon.signal(name)
  }

  /** All that the daemon has written. */
  log(): string {
    return this.daemon.log()
  }

  logTail(): string {
    return this.daemon.logTail()
  }

  /** A line of JSON for each pin of its pinset, in the order of their text. */
  async pins(): Promise<string[]> {
    const response = await fetch(`${this.restUrl}/allocations`)
    const text = await response.text()
    if (!response.ok) throw new Error(`/allocations of ${this.name} answered ${response.status}: ${text}`)
    return sortedLines(text)
  }

  /** The lines of `state export`, in the order of their text. The peer must not run. */
  abstract exportState(): Promise<string[]>

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    if (this.#ownsFolder) removeFolder(this.folder)
  }
}

export function sortedLines(text: string): string[] {
  return text.split('\n').filter(Boolean).sort()
}

/** Free loopback ports for all that a peer listens on, and no mDNS. */
export async function useLoopback(service: ServiceJson): Promise<void> {
  const [swarm, rest, proxy, pinning] = (await freePorts(4)).map((port) => `/ip4/127.0.0.1/tcp/${port}`)
  service.cluster.listen_multiaddress = [swarm]
  service.cluster.mdns_interval = '0s'
  service.api.restapi.http_listen_multiaddress = rest
  service.api.ipfsproxy.listen_multiaddress = proxy
  service.api.pinsvcapi.http_listen_multiaddress = pinning
}

/** Makes the peer ask this Kubo. */
export function useKubo(service: ServiceJson, address: string): void {
  service.ipfs_connector.ipfshttp.node_multiaddress = address
  service.api.ipfsproxy.node_multiaddress = address
}

/** Seconds where the original waits for minutes: what a test waits for happens soon. */
export function hurry(service: ServiceJson): void {
  const { cluster, consensus, ipfs_connector, monitor, informer } = service
  cluster.monitor_ping_interval = '3s'
  cluster.pubsub.heartbeat_interval = '1s'
  consensus.crdt.rebroadcast_interval = '2s'
  // A walk of the original that failed is not tried again before (`spec/wire.md` §3.5).
  consensus.crdt.repair_interval = '10s'
  ipfs_connector.ipfshttp.connect_swarms_delay = '2s'
  monitor.pubsubmon.check_interval = '3s'
  for (const each of Object.values<ServiceJson>(informer)) each.metric_ttl = '6s'
}
