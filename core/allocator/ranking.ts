/**
 * Orders peers by a list of metrics (`spec/behaviour.md` §2.2): partitionable metrics group peers, others sort them, and
 * picks go round the groups. Unlike the original, a group that holds a copy already waits until the others have one, what
 * was given out since the metrics were made counts, and equal input gives equal output.
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
  /** Copies given to its peers since their metrics were made. */
  given: number
  parts: Partition[]
}

export interface RankingInput {
  /** Peers that may be given a copy. */
  candidates: readonly PeerIdText[]
  /** Peers that have one already. */
  holders: readonly PeerIdText[]
  /** Names of metrics, the most important first. */
  names: readonly string[]
  metrics: MetricTable
  /** Copies that each peer was given since its metrics were made: they do not show in them yet. */
  given: ReadonlyMap<PeerIdText, number>
}

/** Yields the candidates in the order in which they are to be given copies. */
export function* rank(input: RankingInput): Generator<PeerIdText, void, undefined> {
  const left = new Set(input.candidates)
  const picked = new Set(input.holders)
  const everyone = [...new Set([...input.candidates, ...input.holders])].sort()
  const root: Partition = { value: '', weight: 0, total: 0, given: 0, peers: everyone, parts: [] }
  root.parts = partition(everyone, input.names, input, left)
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
  input: RankingInput,
  candidates: ReadonlySet<PeerIdText>,
): Partition[] {
  const [name, ...rest] = names
  if (name === undefined) return []
  const groups = new Map<string, Partition>()
  for (const peer of peers) {
    const metric = input.metrics.get(name)?.get(peer)
    // A holder that stopped sending this metric still counts in the groups above.
    if (metric === undefined) continue
    const key = metric.partitionable ? `=${metric.value}` : `@${peer}`
    let group = groups.get(key)
    if (group === undefined) {
      group = { value: metric.value, weight: 0, total: 0, given: 0, peers: [], parts: [] }
      groups.set(key, group)
    }
    group.peers.push(peer)
    // Only peers that can be chosen give their group its place.
    if (!candidates.has(peer)) continue
    group.weight += metric.weight
    group.given += input.given.get(peer) ?? 0
  }
  for (const group of groups.values()) {
    group.parts = partition(group.peers, rest, input, candidates)
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
  const weight = share(a.weight, a) - share(b.weight, b)
  if (weight !== 0) return weight > 0
  const total = share(a.total, a) - share(b.total, b)
  if (total !== 0) return total > 0
  if (a.value !== b.value) return a.value < b.value
  return (a.peers[0] ?? '') < (b.peers[0] ?? '')
}

/**
 * What is left of a weight for the next copy when `given` have been given out already: with the greatest quotient first,
 * copies come in proportion to the weights (D'Hondt's method). A weight that counts against a peer grows instead.
 */
function share(weight: number, { given }: Partition): number {
  return weight > 0 ? weight / (given + 1) : weight * (given + 1)
}

function copiesIn(part: Partition, picked: ReadonlySet<PeerIdText>): number {
  return part.peers.reduce((count, peer) => count + (picked.has(peer) ? 1 : 0), 0)
}
