/**
 * The graph of connections in the DOT language of Graphviz, byte for byte as the original's client (`spec/cli.md §2`).
 */
import type { ConnectGraphObject } from '../../core/client/shapes.ts'

/** How a kind of node is drawn. */
const styles = {
  self: { letter: 'C', color: 'orange', shape: 'box3d', more: 'peripheries="2" ' },
  trusted: { letter: 'T', color: 'orange', shape: 'box3d', more: '' },
  other: { letter: 'C', color: 'darkorange3', shape: 'box3d', more: '' },
  ipfs: { letter: 'I', color: 'turquoise3', shape: 'cylinder', more: '' },
  missing: { letter: 'I', color: 'firebrick1', shape: 'cylinder', more: '' },
} as const

/** Names of nodes in the graph, by the peer ID that they stand for. */
class Nodes {
  readonly #names = new Map<string, string>()
  readonly #lines: string[] = []

  add(id: string, kind: keyof typeof styles, title: string, subtitle: string): void {
    const { letter, color, shape, more } = styles[kind]
    const name = `${letter}${this.#names.size}`
    this.#names.set(id, name)
    const label = `< <B> ${escaped(title)} </B> <BR/> <B> ${subtitle} </B> >`
    const group = id.replaceAll('"', '')
    const look = `color="${color}" style="filled" colorscheme="x11" fontcolor="black" fontname="Arial"`
    this.#lines.push(`${name} [label=${label} group="${group}" ${look} shape="${shape}" ${more}]`)
  }

  /** Undefined for a node that is not drawn. */
  name(id: string): string | undefined {
    return this.#names.get(id)
  }

  /** As a group of nodes of one rank. */
  lines(rank: 'min' | 'max'): string[] {
    return ['subgraph  {', `rank="${rank}"`, ...this.#lines, '}']
  }
}

/** `allIpfsPeers`: draw IPFS nodes too that belong to no peer of the cluster. */
export function connectGraphText(graph: ConnectGraphObject, { allIpfsPeers = false } = {}): string {
  const clusterLinks = sorted(graph.cluster_links)
  const ipfsIds = graph.cluster_to_ipfs ?? {}
  const ipfsLinks = drawnIpfsLinks(graph.ipfs_links ?? {}, allIpfsPeers)
  const peers = new Nodes()
  const ipfs = new Nodes()
  for (const [id] of clusterLinks) {
    const isTrusted = graph.cluster_trust_links?.[id] === true
    const kind = id === graph.cluster_id ? 'self' : isTrusted ? 'trusted' : 'other'
    peers.add(id, kind, graph.id_to_peername?.[id] ?? '', shortened(id))
  }
  for (const [id] of ipfsLinks) ipfs.add(id, 'ipfs', 'IPFS', shortened(id))
  for (const [id] of clusterLinks) if (ipfsIds[id] === undefined) ipfs.add(id, 'missing', 'IPFS', 'Errored')

  return [
    'digraph cluster {',
    '/* The nodes of the connectivity graph */',
    '/* The cluster-service peers */',
    ...peers.lines('min'),
    '',
    '/* The ipfs peers */',
    ...ipfs.lines('max'),
    '',
    '/* Edges representing active connections in the cluster */',
    '/* The connections among cluster-service peers */',
    ...clusterLinks.flatMap(([from, to]) =>
      edges(
        peers.name(from),
        to.map((id) => peers.name(id)),
      ),
    ),
    '',
    '/* The connections between cluster peers and their ipfs daemons */',
    ...clusterLinks.flatMap(([id]) => {
      const ipfsId = ipfsIds[id]
      const style = ipfsId === undefined ? ' [ style="dotted" ]' : ''
      return edges(peers.name(id), [ipfs.name(ipfsId ?? id)], style)
    }),
    '',
    '/* The swarm peer connections among ipfs daemons in the cluster */',
    ...ipfsLinks.flatMap(([from, to]) =>
      edges(
        ipfs.name(from),
        to.map((id) => ipfs.name(id)),
      ),
    ),
    '}',
  ].join('\n')
}

/** Connections to IPFS nodes of no peer are left out, or else those nodes are added without connections of their own. */
function drawnIpfsLinks(links: Record<string, string[] | null>, all: boolean): [string, string[]][] {
  const drawn = Object.entries(links).map(([id, to]): [string, string[]] => [
    id,
    (to ?? []).filter((other) => all || Object.hasOwn(links, other)),
  ])
  const others = new Set(drawn.flatMap(([, to]) => to).filter((id) => !Object.hasOwn(links, id)))
  return sorted(Object.fromEntries([...drawn, ...[...others].map((id): [string, string[]] => [id, []])]))
}

function edges(from: string | undefined, to: readonly (string | undefined)[], style = ''): string[] {
  return to.flatMap((each) => (from === undefined || each === undefined ? [] : `${from} -> ${each}${style}`))
}

function sorted(links: Record<string, string[] | null> | null): [string, string[]][] {
  return Object.entries(links ?? {})
    .map(([id, to]): [string, string[]] => [id, to ?? []])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** `12*YSU3Tc` */
function shortened(id: string): string {
  return `${id.slice(0, 2)}*${id.slice(-6)}`
}

/** A name is what another peer calls itself, and stands in markup. */
function escaped(name: string): string {
  return name.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
