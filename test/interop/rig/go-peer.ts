/**
 * A peer of the original: `ipfs-cluster-service` with a configuration folder, its own or a given one, on free loopback
 * ports and without mDNS.
 */
import { join } from 'node:path'
import { ClusterPeer, type ServiceJson, sortedLines, useKubo, useLoopback } from './cluster-peer.ts'
import type { FoundBinaries } from './describe-with-go.ts'
import { Daemon, run, temporaryFolder } from './processes.ts'

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

export class GoPeer extends ClusterPeer {
  readonly #path: FoundBinaries['path']

  private constructor(path: FoundBinaries['path'], folder: string, ownsFolder: boolean) {
    const daemon = new Daemon(
      [path['ipfs-cluster-service'], 'daemon'],
      environment(folder),
      join(folder, 'daemon.log'),
    )
    super(folder, ownsFolder, daemon)
    this.#path = path
  }

  /** Prepares the folder; `start` starts the peer. */
  static async create({ path, folder, init = [], configure, ipfs }: GoPeerInit): Promise<GoPeer> {
    if (folder !== undefined) return new GoPeer(path, folder, false)
    const peer = new GoPeer(path, temporaryFolder('go-peer'), true)
    await peer.service('init', '--consensus', 'crdt', ...init)
    const service = peer.config
    await useLoopback(service)
    if (ipfs !== undefined) useKubo(service, ipfs)
    configure?.(service)
    peer.configure((written) => Object.assign(written, service))
    return peer
  }

  async exportState(): Promise<string[]> {
    return sortedLines(await this.service('state', 'export'))
  }

  /**
   * Starts it again, and has it walk its whole history. It does not notice that it was killed in the middle of a walk: what
   * it had not fetched by then it never fetches otherwise. Only the store badger3 keeps the mark (`spec/behaviour.md` §7.4).
   */
  async repair(): Promise<void> {
    await this.stop()
    await this.service('state', 'crdt', 'mark-dirty')
    await this.start()
  }

  /** Runs `ipfs-cluster-service <args>` on this folder. */
  service(...args: string[]): Promise<string> {
    return run([this.#path['ipfs-cluster-service'], ...args], environment(this.folder))
  }

  /** Runs `ipfs-cluster-ctl <args>` against this peer. */
  ctl(...args: string[]): Promise<string> {
    return run([this.#path['ipfs-cluster-ctl'], '--host', this.rest, ...args], environment(this.folder))
  }
}

/** Times are written in the zone of the machine otherwise. */
function environment(folder: string): Record<string, string> {
  return { IPFS_CLUSTER_PATH: folder, TZ: 'UTC', IPFS_CLUSTER_LOG_LEVEL: 'info,restapilog:error' }
}
