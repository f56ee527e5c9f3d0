/**
 * A real Kubo in a temporary repo. Nothing leaves loopback: no bootstrap nodes, no mDNS, no routing, no AutoConf, AutoTLS,
 * delegated routing or telemetry.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Daemon, freePorts, removeFolder, run, temporaryFolder } from './processes.ts'

export interface KuboNodeInit {
  /** Path of the `ipfs` program, see `binaries.ts`. */
  program: string
  /** Listens on a unix socket in place of a TCP port. */
  unixSocket?: boolean
  /** What `API.Authorizations` lets in, as `bearer:…` or `basic:…:…`; everybody when there are none. */
  authorizations?: string[]
}

export class KuboNode implements AsyncDisposable {
  /** Multiaddr of the RPC API. */
  readonly api: string
  /** `http://127.0.0.1:<port>` of the gateway. */
  readonly gateway: string
  readonly #program: string
  readonly #folder: string
  readonly #daemon: Daemon
  readonly #authorizations: string[]

  private constructor(
    { program, authorizations = [] }: KuboNodeInit,
    folder: string,
    api: string,
    gatewayPort: number,
  ) {
    this.#program = program
    this.#authorizations = authorizations
    this.#folder = folder
    this.api = api
    this.gateway = `http://127.0.0.1:${gatewayPort}`
    this.#daemon = new Daemon([program, 'daemon'], this.#env, join(folder, 'daemon.log'))
  }

  /** Creates the repo and starts the daemon. */
  static async start(init: KuboNodeInit): Promise<KuboNode> {
    const { unixSocket = false } = init
    const folder = temporaryFolder('kubo')
    const [apiPort, gatewayPort, swarmPort] = (await freePorts(3)) as [number, number, number]
    const api = unixSocket ? `/unix${join(folder, 'api.sock')}` : `/ip4/127.0.0.1/tcp/${apiPort}`
    const node = new KuboNode(init, folder, api, gatewayPort)
    try {
      await node.ipfs('init', '--profile', 'test', '--empty-repo')
      node.#configure({
        api,
        gateway: `/ip4/127.0.0.1/tcp/${gatewayPort}`,
        swarm: `/ip4/127.0.0.1/tcp/${swarmPort}`,
      })
      await node.resume()
      return node
    } catch (error) {
      await node[Symbol.asyncDispose]()
      throw error
    }
  }

  get pid(): number | undefined {
    return this.#daemon.pid
  }

  /** Starts the daemon again after `pause`. */
  async resume(): Promise<void> {
    const apiFile = join(this.#folder, 'repo', 'api')
    // The daemon writes this file when its API listens.
    await this.#daemon.start(async () => existsSync(apiFile) && (await this.ipfs('id')) !== '')
  }

  /** Stops the daemon, keeps the repo. */
  async pause(): Promise<void> {
    await this.#daemon.stop()
  }

  /** Makes the daemon hang until SIGCONT. Resolves once it does: until its thread takes the signal, others still answer. */
  async hang(): Promise<void> {
    this.signal('SIGSTOP')
    while (!(await this.#isStopped())) await Bun.sleep(5)
  }

  async #isStopped(): Promise<boolean> {
    const file = `/proc/${this.pid}/stat`
    if (existsSync(file)) return / T /.test(readFileSync(file, 'utf8'))
    return (await run(['ps', '-o', 'state=', '-p', String(this.pid)], this.#env)).trim().startsWith('T')
  }

  /** Sends a signal to the daemon: SIGSTOP makes it hang, SIGCONT go on. */
  signal(name: NodeJS.Signals): void {
    this.#daemon.signal(name)
  }

  /** Runs `ipfs <args>` on this node and gives its output. */
  ipfs(...args: string[]): Promise<string> {
    const [authorization] = this.#authorizations
    const flags = authorization === undefined ? [] : [`--api-auth=${authorization}`]
    return run([this.#program, ...flags, ...args], this.#env)
  }

  /** Adds bytes, unpinned. Gives the CID. */
  async add(bytes: Uint8Array, ...flags: string[]): Promise<string> {
    const file = join(this.#folder, `content-${crypto.randomUUID()}`)
    writeFileSync(file, bytes)
    return (await this.ipfs('add', '--quieter', '--pin=false', '--cid-version=1', ...flags, file)).trim()
  }

  logTail(): string {
    return this.#daemon.logTail()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#daemon.stop()
    removeFolder(this.#folder)
  }

  get #env(): Record<string, string> {
    return { IPFS_PATH: join(this.#folder, 'repo'), IPFS_TELEMETRY: 'off' }
  }

  #configure(addresses: { api: string; gateway: string; swarm: string }): void {
    const file = join(this.#folder, 'repo', 'config')
    const config = JSON.parse(readFileSync(file, 'utf8'))
    config.Addresses.API = addresses.api
    const known = this.#authorizations.map((secret, number) => [
      `user${number}`,
      { AuthSecret: secret, AllowedPaths: ['/api/v0'] },
    ])
    if (known.length > 0) config.API.Authorizations = Object.fromEntries(known)
    config.Addresses.Gateway = addresses.gateway
    config.Addresses.Swarm = [addresses.swarm]
    config.Bootstrap = []
    config.Discovery.MDNS.Enabled = false
    config.Routing = { ...config.Routing, Type: 'none', DelegatedRouters: [] }
    config.AutoConf = { ...config.AutoConf, Enabled: false }
    config.AutoTLS = { ...config.AutoTLS, Enabled: false }
    config.DNS = { Resolvers: {} }
    config.Ipns = { ...config.Ipns, DelegatedPublishers: [] }
    writeFileSync(file, JSON.stringify(config))
  }
}
