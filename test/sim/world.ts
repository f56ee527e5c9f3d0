/** All that checks look at, and the ways to look at it. */
import type { CID } from 'multiformats/cid'
import type { Pin } from '../../core/pin/pin.ts'
import type { Cursor, LocalRecord, Page } from '../../core/runtime/store.ts'
import type { Model } from './model.ts'
import type { PeerProcess } from './peer-process.ts'
import type { Plan } from './plan.ts'
import type { ReferencePinset } from './reference-pinset.ts'
import type { SimulatedPeer } from './simulated-peer.ts'
import type { Stranger } from './stranger.ts'

export interface World {
  plan: Plan
  peers: readonly SimulatedPeer[]
  stranger: Stranger | undefined
  model: Model
  /** All that clients may pin. */
  contents: readonly CID[]
  /** Keys of content that no node has. */
  missing: ReadonlySet<string>
  /** What the blocks of a peer amount to, in the end, by its name. */
  readonly references: Map<string, ReferencePinset>
}

/** Says what is wrong, one line each; nothing when all is well. */
export type Check = (world: World) => string[]

/** A peer that is up. */
export interface LivePeer extends SimulatedPeer {
  readonly process: PeerProcess
  readonly store: PeerProcess['store']
}

export function livePeers({ peers }: World): LivePeer[] {
  return peers.filter((peer): peer is LivePeer => peer.process !== undefined)
}

/** Peers that are up and whose announcements others take. */
export function writers(world: World): LivePeer[] {
  return livePeers(world).filter(({ config }) => !config.isFollower)
}

/**
 * Followers with blocks that no writer will ever have: a peer announced them to nobody else and was then lost. Blocks are not
 * signed, and nobody takes one on the word of a follower.
 */
export function followersAhead(world: World): LivePeer[] {
  const others = writers(world)
  if (others.some(({ process }) => process.replication.behind > 0)) return []
  const isKnown = (block: CID) => others.some(({ store }) => store.hasBlock(block))
  const isLost = (block: CID) => world.peers.some((peer) => peer.tookAway(block))
  return livePeers(world).filter(({ config, store }) => {
    if (!config.isFollower) return false
    const unknown = store.heads().filter(({ cid }) => !isKnown(cid))
    return unknown.length > 0 && unknown.every(({ cid }) => isLost(cid))
  })
}

/** Peers that are up and must come to agree on everything. */
export function alikePeers(world: World): LivePeer[] {
  const ahead = new Set(followersAhead(world))
  return livePeers(world).filter((peer) => !ahead.has(peer))
}

/** Complaints about the peers that are up, with their names. */
export function onEach(
  world: World,
  check: (peer: LivePeer) => string[],
  peers = livePeers(world),
): string[] {
  return peers.flatMap((peer) => check(peer).map((complaint) => `${peer.name}: ${complaint}`))
}

export function recordsOf({ store }: LivePeer, contents: readonly CID[]): LocalRecord[] {
  return contents.flatMap((cid) => store.local(cid) ?? [])
}

export function pinsOf({ store }: LivePeer): Pin[] {
  return pagesOf((after) => store.pins({ limit: 1000, ...after }))
}

/** The rows of all pages. */
export function pagesOf<Row>(read: (after: { after?: Cursor }) => Page<Row>): Row[] {
  const rows: Row[] = []
  let page = read({})
  rows.push(...page.rows)
  while (page.next !== undefined) {
    page = read({ after: page.next })
    rows.push(...page.rows)
  }
  return rows
}
