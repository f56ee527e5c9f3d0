/** A peer of ours: the compiled executable with a configuration folder of its own, on free loopback ports. */
import { join } from 'node:path'
import { EXECUTABLE } from '../../executable/peer-process.ts'
import { ClusterPeer, type ServiceJson, sortedLines, useKubo, useLoopback } from './cluster-peer.ts'
import { Daemon, run, temporaryFolder } from './processes.ts'

export interface OurPeerInit {
  /** RPC address of its Kubo; it has an IPFS node of its own when absent. */
  ipfs?: string
  /** Changes service.json before the peer is used. */
  configure?(service: ServiceJson): void
}

export class OurPeer extends ClusterPeer {
  private constructor(folder: string) {
    super(folder, true, new Daemon([EXECUTABLE, 'daemon'], environment(folder), join(folder, 'daemon.log')))
  }

  /** Prepares the folder; `start` starts the peer. */
  static async create({ ipfs, configure }: OurPeerInit = {}): Promise<OurPeer> {
    const peer = new OurPeer(temporaryFolder('our-peer'))
    await peer.cluster('init', '--ipfs', ipfs === undefined ? 'embedded' : 'kubo')
    const service = peer.config
    await useLoopback(service)
    if (ipfs === undefined) confine(service.ipfs_connector.embedded)
    else useKubo(service, ipfs)
    configure?.(service)
    peer.configure((written) => Object.assign(written, service))
    return peer
  }

  /** `http://…` of the gateway of its own IPFS node, as the log tells it. */
  get gateway(): string {
    const [, url] = [...this.log().matchAll(/IPFS gateway: (\S+)/g)].at(-1) ?? []
    if (url === undefined) throw new Error(`${this.name} told of no gateway`)
    return url
  }

  async exportState(): Promise<string[]> {
    return sortedLines(await this.cluster('state', 'export'))
  }

  /** Runs `cluster <args>` on this folder. */
  cluster(...args: string[]): Promise<string> {
    return run([EXECUTABLE, ...args], environment(this.folder))
  }
}

/** The embedded node knows nobody but the nodes of the cluster's peers. */
function confine(embedded: ServiceJson): void {
  embedded.network = 'cluster'
  embedded.swarm_listen_multiaddress = ['/ip4/127.0.0.1/tcp/0']
  embedded.gateway_listen_multiaddress = '/ip4/127.0.0.1/tcp/0'
  embedded.bootstrap = []
  embedded.delegated_routers = []
  embedded.trustless_gateways = []
}

function environment(folder: string): Record<string, string> {
  const levels = 'info,cluster:debug,crdt:debug,restapilog:error'
  return { IPFS_CLUSTER_PATH: folder, TZ: 'UTC', IPFS_CLUSTER_LOG_LEVEL: levels }
}
