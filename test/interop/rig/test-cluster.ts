/** Several peers as one cluster on loopback: made to know each other, started, waited for, and their logs shown on failure. */
import { type ClusterPeer, hurry, type ServiceJson } from './cluster-peer.ts'
import { CuttableLink } from './cuttable-link.ts'

export interface ClusterOptions {
  /** Peer IDs, or `*`, that each peer trusts. */
  trusted?: string[]
  /** Those that are changed; all when absent. */
  only?: readonly ClusterPeer[]
  /** Changes service.json of each peer last. */
  configure?(service: ServiceJson, peer: ClusterPeer): void
}

/**
 * Gives peers that do not run yet one secret, one cluster name, each other's addresses, and short intervals. Peers of the
 * original need the addresses of all others on loopback, as its DHT keeps no such addresses (`spec/wire.md` §1.6).
 */
export function formCluster(peers: readonly ClusterPeer[], options: ClusterOptions = {}): void {
  const { trusted = ['*'], only = peers, configure } = options
  const secret = peers[0]!.config.cluster.secret
  for (const peer of only) {
    peer.configure((service) => {
      hurry(service)
      service.cluster.secret = secret
      service.cluster.peer_addresses = peers.filter((other) => other !== peer).map(({ address }) => address)
      service.consensus.crdt.cluster_name = 'interop'
      service.consensus.crdt.trusted_peers = trusted
      configure?.(service, peer)
    })
  }
}

/**
 * Puts a link that can be cut before each peer of a cluster (`formCluster`) that does not run yet. Nobody is told of the port
 * behind it, so that peers are alone when all links are cut: what one peer knows of another, a third may learn.
 */
export async function linkAll(peers: readonly ClusterPeer[]): Promise<CuttableLink[]> {
  const links = await Promise.all(peers.map(({ swarmPort }) => CuttableLink.to(swarmPort)))
  const addresses = links.map(({ port }) => `/ip4/127.0.0.1/tcp/${port}`)
  for (const [index, peer] of peers.entries()) {
    peer.configure(({ cluster }) => {
      cluster.announce_multiaddress = [addresses[index]]
      cluster.peer_addresses = peers.flatMap((other, at) =>
        other === peer ? [] : [`${addresses[at]}/p2p/${other.id}`],
      )
    })
  }
  return links
}

/** Starts them together and waits until each counts all as members. */
export async function startAll(peers: readonly ClusterPeer[]): Promise<void> {
  await Promise.all(peers.map((peer) => peer.start()))
  await membersOf(peers, peers)
}

/** Waits until each of `peers` counts all of `members` as members, and nobody else. */
export async function membersOf(
  peers: readonly ClusterPeer[],
  members: readonly ClusterPeer[],
): Promise<void> {
  const expected = members.map(({ id }) => id).sort()
  for (const peer of peers) {
    await eventually(`${peer.name} counts ${members.length} members`, async () => {
      const { cluster_peers } = await peer.client.id()
      return Bun.deepEquals([...(cluster_peers ?? [])].sort(), expected)
    })
  }
}

/** Waits until all list the same pins, line by line, and `isWanted` holds for them. Gives the lines. */
export async function samePins(
  what: string,
  peers: readonly ClusterPeer[],
  isWanted: (lines: string[]) => boolean = () => true,
  timeout?: number,
): Promise<string[]> {
  let lists: string[][] = []
  await eventually(
    () => `${what}: the same pins on all\n${differences(peers, lists).join('\n')}\n`,
    async () => {
      lists = await Promise.all(peers.map((peer) => peer.pins()))
      return isWanted(lists[0]!) && lists.every((lines) => Bun.deepEquals(lines, lists[0]))
    },
    timeout,
  )
  return lists[0]!
}

/** How many pins each has, and the first lines that not all have. */
function differences(peers: readonly ClusterPeer[], lists: readonly string[][]): string[] {
  return peers.flatMap(({ name }, index) => {
    const lines = lists[index] ?? []
    const own = lines.filter((line) => !lists.every((others) => others.includes(line)))
    return [`${name}: ${lines.length} pins`, ...own.slice(0, 4).map((line) => `  not on all: ${line}`)]
  })
}

/** ms between two looks at processes, which share the machine with the tests. */
const pause = 100

/** Waits until the condition holds; an error of it counts as not yet. Fails with `what` and the last error after `ms`. */
export async function eventually(
  what: string | (() => string),
  holds: () => unknown,
  ms = 40_000,
): Promise<void> {
  const end = performance.now() + ms
  for (let last: unknown = ''; ; ) {
    try {
      if (await holds()) return
      last = ''
    } catch (error) {
      last = error
    }
    if (performance.now() > end) {
      const text = typeof what === 'string' ? what : what()
      throw new Error(`${text}: not within ${ms} ms ${last}`)
    }
    await Bun.sleep(pause)
  }
}

/** Runs a test; when it fails, the ends of the peers' logs go to stderr. */
export async function withLogs<T>(
  peers: Iterable<Pick<ClusterPeer, 'name' | 'logTail'>>,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run()
  } catch (error) {
    for (const peer of peers) console.error(`--- the log of ${peer.name} ends with:\n${peer.logTail()}`)
    throw error
  }
}
