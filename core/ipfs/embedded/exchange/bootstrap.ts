/**
 * Connects to the nodes that this one begins with, and again while it knows hardly anybody: a node that started without a
 * network, or lost it, finds its way back.
 */
import type { Libp2p, PeerId } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { pause } from '../../../runtime/pause.ts'
import type { Runtime } from '../../../runtime/ports.ts'
import { peerOf } from '../host.ts'
import { OutsideService } from './outside-service.ts'

interface StartingNode {
  id: PeerId
  address: Multiaddr
  service: OutsideService
}

/** Connections with which no node to begin with is needed. */
const enoughPeers = 4
/** ms between two looks. */
const interval = 10_000

export class Bootstrap implements AsyncDisposable {
  readonly #libp2p: Libp2p
  readonly #runtime: Runtime
  readonly #nodes: StartingNode[]
  readonly #closing = new AbortController()
  readonly #running: Promise<void>

  /** `addresses`: each ends in `/p2p/<peer ID>`. */
  constructor(addresses: readonly string[], libp2p: Libp2p, runtime: Runtime) {
    this.#libp2p = libp2p
    this.#runtime = runtime
    this.#nodes = addresses.map((text) => {
      const service = new OutsideService({ name: text, setting: 'bootstrap', runtime })
      const address = multiaddr(text)
      return { id: peerOf(address)!, address, service }
    })
    this.#running = this.#nodes.length === 0 ? Promise.resolve() : this.#run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the embedded IPFS node was closed'))
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      if (this.#libp2p.getPeers().length < enoughPeers) {
        await Promise.all(this.#nodes.map((node) => this.#connect(node)))
      }
      await pause(this.#runtime.scheduler, interval, signal)
    }
  }

  async #connect({ id, address, service }: StartingNode): Promise<void> {
    using attempt = this.#libp2p.getConnections(id).length > 0 ? undefined : service.begin()
    if (attempt === undefined) return
    const { signal } = this.#closing
    try {
      await this.#libp2p.peerStore.merge(id, { multiaddrs: [address], tags: { bootstrap: { value: 50 } } })
      await this.#libp2p.dial(id, { signal })
      attempt.worked()
    } catch (error) {
      if (!signal.aborted) attempt.failed(error)
    }
  }
}
