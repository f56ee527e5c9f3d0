/**
 * Chooses who holds a pin (`spec/behaviour.md` §2). Pure: the same input always gives the same answer.
 */
import type { PeerIdText } from '../pin/pin.ts'
import { NotEnoughPeersError } from './errors.ts'
import { type MetricTable, rank } from './ranking.ts'

export interface AllocationInput {
  /** Copies wanted: both −1, or 1 ≤ min ≤ max. */
  min: number
  max: number
  /** Who holds it now, in the order stored. */
  current: readonly PeerIdText[]
  /** Peers that the user prefers. */
  preferred: readonly PeerIdText[]
  /** Peers that must not be chosen: dead, leaving, or not trusted when only trusted ones may. */
  excluded: ReadonlySet<PeerIdText>
  /** Peers with a valid ping: a holder among them still has its copy, even when its disk is full. */
  alive: ReadonlySet<PeerIdText>
  /** Names of metrics, the most important first. */
  allocateBy: readonly string[]
  /** Current metrics for each of those names. */
  metrics: MetricTable
  /** Copies that each peer was given since its metrics were made. */
  given: ReadonlyMap<PeerIdText, number>
}

/**
 * The peers to hold the pin; empty = everyone. Throws `NotEnoughPeersError` when the minimum cannot be met.
 */
export function allocate(input: AllocationInput): PeerIdText[] {
  const { min, max, excluded, allocateBy: names, metrics, given } = input
  if (min < 0 && max < 0) return []

  const holders = input.current.filter((peer) => input.alive.has(peer) && !excluded.has(peer))
  if (holders.length > max) return shrink(holders, input)

  const candidates = peersWithAll(names, metrics).filter(
    (peer) => !excluded.has(peer) && !holders.includes(peer),
  )
  const preferred = candidates.filter((peer) => input.preferred.includes(peer))
  const others = candidates.filter((peer) => !input.preferred.includes(peer))
  const needed = min - holders.length
  const wanted = max - holders.length
  if (needed > candidates.length) throw new NotEnoughPeersError(needed, wanted, candidates.length)

  const chosen = [...holders]
  for (const group of [preferred, others]) {
    for (const peer of rank({ candidates: group, holders: chosen, names, metrics, given })) {
      if (chosen.length >= max) break
      chosen.push(peer)
    }
  }
  return chosen
}

/** Keeps the copies that are spread best over the groups. */
function shrink(holders: readonly PeerIdText[], input: AllocationInput): PeerIdText[] {
  const { max, allocateBy: names, metrics, given } = input
  const keep = new Set<PeerIdText>()
  for (const peer of rank({ candidates: holders, holders: [], names, metrics, given })) {
    if (keep.size === max) break
    keep.add(peer)
  }
  return holders.filter((peer) => keep.has(peer))
}

function peersWithAll(names: readonly string[], metrics: MetricTable): PeerIdText[] {
  const [first, ...rest] = names
  if (first === undefined) return []
  return [...(metrics.get(first)?.keys() ?? [])]
    .filter((peer) => rest.every((name) => metrics.get(name)?.has(peer)))
    .sort()
}
