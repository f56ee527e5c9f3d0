/**
 * A link of its own for each pair of peers and each direction, so that a test can part any of them from any other. What a peer
 * announces leads nowhere: peers know the way to each other by their links alone.
 */
import type { ClusterPeer } from './cluster-peer.ts'
import { CuttableLink, type LinkState } from './cuttable-link.ts'

/** Nobody listens there (port of `tcpmux`). */
const nowhere = '/ip4/127.0.0.1/tcp/1'

interface PairLink {
  from: ClusterPeer
  to: ClusterPeer
  link: CuttableLink
}

export class PairLinks implements AsyncDisposable {
  readonly #links: readonly PairLink[]

  private constructor(links: readonly PairLink[]) {
    this.#links = links
  }

  /** Changes the addresses in the files of a cluster (`formCluster`) that does not run yet. */
  static async between(peers: readonly ClusterPeer[]): Promise<PairLinks> {
    const pairs = peers.flatMap((from) => peers.filter((to) => to !== from).map((to) => ({ from, to })))
    const links = await Promise.all(
      pairs.map(async ({ from, to }) => ({ from, to, link: await CuttableLink.to(to.swarmPort) })),
    )
    for (const peer of peers) {
      peer.configure(({ cluster }) => {
        cluster.announce_multiaddress = [nowhere]
        cluster.peer_addresses = links
          .filter(({ from }) => from === peer)
          .map(({ to, link }) => `/ip4/127.0.0.1/tcp/${link.port}/p2p/${to.id}`)
      })
    }
    return new PairLinks(links)
  }

  /** Every link between a peer of `some` and one of the rest. */
  between(some: readonly ClusterPeer[], state: LinkState): void {
    for (const { from, to, link } of this.#links) {
      if (some.includes(from) !== some.includes(to)) link.state = state
    }
  }

  /** Both links of a pair. */
  pair(one: ClusterPeer, other: ClusterPeer, state: LinkState): void {
    for (const { from, to, link } of this.#links) {
      if ((from === one && to === other) || (from === other && to === one)) link.state = state
    }
  }

  all(state: LinkState): void {
    for (const { link } of this.#links) link.state = state
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#links.map(({ link }) => link[Symbol.asyncDispose]()))
  }
}
