/**
 * A peer of the original: `ipfs-cluster-service` with a configuration folder, its own or a given one, on free loopback
 * ports and without mDNS.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FoundBinaries } from './describe-with-go.ts'
import { Daemon, freePorts, removeFolder, run, temporaryFolder } from './processes.ts'

// biome-ignore lint/suspicious/noExplicitAny: the file is whatever the Go program wrote.
export type ServiceJson = any

export interface GoPeerInit {
  path: FoundBinaries['path']
  /** RPC address of its Kubo; none need answer there for commands on a stopped peer. */
  ipfs?: string
  /** A folder with service.json and identity.json; one is made by `init` when absent. A given folder is not removed. */
  folder?: string
  /** More arguments of `init`. */
  init?: string[]
  /** Changes service.json before the peer is used; only of a folder made here. */
  configure?(service: ServiceJson): void
}

export class GoPeer implements AsyncDisposable {
  readonly folder: string
  readonly #path: FoundBinaries['path']
  readonly #ownsFolder: boolean
  readonly #daemon: Daemon

  private constructor(path: FoundBinaries['path'], folder: string, ownsFolder: boolean) {
    this.folder = folder
    this.#path = path
    this.#ownsFolder = ownsFolder
    this.#daemon = new Daemon([path['ipfs-cluster-service'], 'daemon'], this.#env, join(folder, 'daemon.log'))
  }

  /** Prepares the folder; `start` starts the peer. */
  static async create({ path, folder, init = [], configure, ipfs }: GoPeerInit): Promise<GoPeer> {
    if (folder !== undefined) return new GoPeer(path, folder, false)
    const peer = new GoPeer(path, temporaryFolder('go-peer'), true)
    await peer.service('init', '--consensus', 'crdt', ...init)
    await peer.#configure(ipfs, configure)
    return peer
  }

  get id(): string {
    return JSON.parse(readFileSync(join(this.folder, 'identity.json'), 'utf8')).id
  }

  get config(): ServiceJson {
    return JSON.parse(readFileSync(join(this.folder, 'service.json'), 'utf8'))
  }

  /** Multiaddr for the peerstore or `--bootstrap` of another peer. */
  get address(): string {
    return `${this.config.cluster.listen_multiaddress[0]}/p2p/${this.id}`
  }

  /** Multiaddr of the REST API. */
  get rest(): string {
    return this.config.api.restapi.http_listen_multiaddress
  }

  get restUrl(): string {
    const [, , host, , port] = this.rest.split('/')
    return `http://${host}:${port}`
  }

  /** Starts the daemon and waits until its REST API answers, which needs its Kubo. `bootstrap`: multiaddrs of peers. */
  async start({ bootstrap = [] }: { bootstrap?: string[] } = {}): Promise<void> {
    const args = bootstrap.length === 0 ? [] : ['--bootstrap', bootstrap.join(',')]
    await this.#daemon.start(async () => (await fetch(`${this.restUrl}/id`)).status === 200, args)
  }

  /** Ends the daemon at once, as by a loss of power. */
  async kill(): Promise<void> {
    await this.#daemon.kill()
  }

  /** A line of JSON for each pin of its pinset, in the order of their text. */
  async pins(): Promise<string[]> {
    const text = await (await fetch(`${this.restUrl}/allocations`)).text()
    return text.split('\n').filter(Boolean).sort()
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
  }

  signal(name: NodeJS.Signals): void {
    this.#daemon.signal(name)
  }

  logTail(): string {
    return this.#daemon.logTail()
  }

  /** Runs `ipfs-cluster-service <args>` on this folder. */
  service(...args: string[]): Promise<string> {
    return run([this.#path['ipfs-cluster-service'], ...args], this.#env)
  }

  /** Runs `ipfs-cluster-ctl <args>` against this peer. */
  ctl(...args: string[]): Promise<string> {
    return run([this.#path['ipfs-cluster-ctl'], '--host', this.rest, ...args], this.#env)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    if (this.#ownsFolder) removeFolder(this.folder)
  }

  get #env(): Record<string, string> {
    return { IPFS_CLUSTER_PATH: this.folder }
  }

  async #configure(ipfs: string | undefined, configure: GoPeerInit['configure']): Promise<void> {
    const service = this.config
    const [swarm, rest, proxy, pinning] = (await freePorts(4)).map((port) => `/ip4/127.0.0.1/tcp/${port}`)
    service.cluster.listen_multiaddress = [swarm]
    service.cluster.mdns_interval = '0s'
    service.api.restapi.http_listen_multiaddress = rest
    service.api.ipfsproxy.listen_multiaddress = proxy
    service.api.pinsvcapi.http_listen_multiaddress = pinning
    if (ipfs !== undefined) {
      service.ipfs_connector.ipfshttp.node_multiaddress = ipfs
      service.api.ipfsproxy.node_multiaddress = ipfs
    }
    configure?.(service)
    writeFileSync(join(this.folder, 'service.json'), JSON.stringify(service, undefined, 2))
  }
}
