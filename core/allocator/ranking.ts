/**
 * Orders peers by a list of metrics (`spec/behaviour.md` §2.2): partitionable metrics group peers, others sort them, and
 * picks go round the groups. Unlike the original, a group that holds a copy already waits until the others have one, and
 * equal input gives equal output.
 */
import type { PeerIdText } from '../pin/pin.ts'

/** What the ranking needs of a metric: `core/monitor/metric.ts` has the whole. */
export interface RankedMetric {
  value: string
  /** Greater is better. */
  weight: number
  /** True when peers of equal value form one group, such as a region. */
  partitionable: boolean
}

/** For each metric name, the metric of each peer. */
export type MetricTable = ReadonlyMap<string, ReadonlyMap<PeerIdText, RankedMetric>>

/** One group of peers, parted further by the next metric; without `parts` it is a leaf. */
interface Partition {
  value: string
  weight: number
  /** Own weight and that of all below. */
  total: number
  peers: PeerIdText[]
  parts: Partition[]
}

/** Yields `peers` in the order in which they are to be given copies, when `holders` have one already. */
export function* rank(
  peers: readonly PeerIdText[],
  holders: readonly PeerIdText[],
  names: readonly string[],
  table: MetricTable,
): Generator<PeerIdText, void, undefined> {
  const left = new Set(peers)
  const picked = new Set(holders)
  const everyone = [...new Set([...peers, ...holders])].sort()
  const root: Partition = { value: '', weight: 0, total: 0, peers: everyone, parts: [] }
  root.parts = partition(everyone, names, table, left)
  while (left.size > 0) {
    const peer = next(root, left, picked)
    left.delete(peer)
    picked.add(peer)
    yield peer
  }
}

function partition(
  peers: readonly PeerIdText[],
  names: readonly string[],
  table: MetricTable,
  candidates: ReadonlySet<PeerIdText>,
): Partition[] {
  const [name, ...rest] = names
  if (name === undefined) return []
  const groups = new Map<string, Partition>()
  for (const peer of peers) {
    const metric = table.get(name)?.get(peer)
    // A holder that stopped sending this metric still counts in the groups above.
    if (metric === undefined) continue
    const key = metric.partitionable ? `=${metric.value}` : `@${peer}`
    let group = groups.get(key)
    if (group === undefined) {
      group = { value: metric.value, weight: 0, total: 0, peers: [], parts: [] }
      groups.set(key, group)
    }
    group.peers.push(peer)
    // Only peers that can be chosen give their group its place.
    if (candidates.has(peer)) group.weight += metric.weight
  }
  for (const group of groups.values()) {
    group.parts = partition(group.peers, rest, table, candidates)
    group.total = group.weight + group.parts.reduce((sum, part) => sum + part.total, 0)
  }
  return [...groups.values()]
}

function next(root: Partition, left: ReadonlySet<PeerIdText>, picked: ReadonlySet<PeerIdText>): PeerIdText {
  let at = root
  while (at.parts.length > 0) {
    const open = at.parts.filter((part) => part.peers.some((peer) => left.has(peer)))
    if (open.length === 0) break
    at = open.reduce((best, part) => (comesBefore(part, best, picked) ? part : best))
  }
  const peer = at.peers.find((candidate) => left.has(candidate))
  if (peer === undefined) throw new Error('ranking: a group without open peers was entered')
  return peer
}

/** Fewest copies first, then weight, weight of all below, value, and last the first peer ID: a total order. */
function comesBefore(a: Partition, b: Partition, picked: ReadonlySet<PeerIdText>): boolean {
  const copies = copiesIn(a, picked) - copiesIn(b, picked)
  if (copies !== 0) return copies < 0
  if (a.weight !== b.weight) return a.weight > b.weight
  if (a.total !== b.total) return a.total > b.total
  if (a.value !== b.value) return a.value < b.value
  return (a.peers[0] ?? '') < (b.peers[0] ?? '')
}

function copiesIn(part: Partition, picked: ReadonlySet<PeerIdText>): number {
  return part.peers.reduce((count, peer) => count + (picked.has(peer) ? 1 : 0), 0)
}
