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
  /** What the blocks of the first peer amount to, in the end. */
  reference?: ReferencePinset
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

/** Complaints about the peers that are up, with their names. */
export function onEach(world: World, check: (peer: LivePeer) => string[]): string[] {
  return livePeers(world).flatMap((peer) => check(peer).map((complaint) => `${peer.name}: ${complaint}`))
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
