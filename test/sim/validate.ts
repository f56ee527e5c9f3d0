/**
 * What must hold: at any time (`anytime_…`), some time after all faults have gone (`eventually_…`), and at the end
 * (`finally_…`). Each check says what is wrong, one line each; nothing when all is well.
 */

import type { CID } from 'multiformats/cid'
import { decodeBlock } from '../../core/crdt/dag-node.ts'
import { dutyOf } from '../../core/pin/pin.ts'
import type { Cursor, LocalRecord, Page } from '../../core/runtime/store.ts'
import type { Model } from './model.ts'
import type { PinnedEntry } from './simulated-ipfs.ts'
import type { SimulatedPeer } from './simulated-peer.ts'

export interface World {
  peers: readonly SimulatedPeer[]
  model: Model
  /** Pins, and unpins, that one peer may have in flight. */
  concurrency: number
  /** All that clients may pin. */
  contents: readonly CID[]
  /** Keys of content that no node has. */
  missing: ReadonlySet<string>
}

export type Check = (world: World) => string[]

/** Looked at after every event, or every few. */
export const anytimeChecks: Record<string, Check> = {
  anytime_heads_have_their_blocks,
  anytime_acknowledged_changes_are_stored,
  anytime_pinned_is_what_ipfs_confirmed,
  anytime_no_more_in_flight_than_set,
}

/** Waited for, after the faults. */
export const eventuallyChecks: Record<string, Check> = {
  eventually_all_peers_have_equal_heads,
  eventually_all_peers_have_equal_pins,
  eventually_queues_drain,
}

/** Looked at once, when the above hold. */
export const finallyChecks: Record<string, Check> = {
  finally_heads_are_what_nothing_builds_on,
  finally_every_peer_has_every_acknowledged_change,
  finally_the_pinset_is_what_clients_were_told,
  finally_ipfs_holds_what_the_pinset_says,
}

function anytime_heads_have_their_blocks({ peers }: World): string[] {
  return onEach(peers, ({ store }) =>
    store
      .heads()
      .filter(({ cid }) => store.block(cid) === undefined)
      .map(({ cid }) => `head ${cid} has no block`),
  )
}

function anytime_acknowledged_changes_are_stored({ peers, model }: World): string[] {
  return onEach(peers, ({ store, name }) =>
    model
      .acknowledgedBlocks(name)
      .filter((cid) => !store.hasBlock(cid))
      .map((cid) => `block ${cid} was acknowledged and is gone`),
  )
}

function anytime_pinned_is_what_ipfs_confirmed({ peers, contents }: World): string[] {
  return onEach(peers, (peer) =>
    recordsOf(peer, contents)
      .filter(
        ({ status, want, cid }) => status === 'pinned' && !isHeld(peer.ipfs.pinned.get(cid.toString()), want),
      )
      .map(({ cid, want }) => `${cid} is shown as pinned, and IPFS does not hold it (${want})`),
  )
}

/** A direct pin that takes the place of a recursive one unpins first, in the slot of a pin. */
function anytime_no_more_in_flight_than_set({ peers, concurrency }: World): string[] {
  return peers.flatMap(({ name, ipfs: { inFlight } }) => {
    const { pin, unpin } = inFlight
    if (pin <= concurrency && pin + unpin <= 2 * concurrency) return []
    return [`${name}: ${pin} pins and ${unpin} unpins in flight, at most ${concurrency} of each are allowed`]
  })
}

/** Asked of every change of an IPFS node's pins, before it happens. */
export function anytime_only_own_pins_are_unpinned(
  from: PinnedEntry | undefined,
  to: string | undefined,
): string[] {
  return from?.foreign === true && to === undefined
    ? [`${from.cid} was pinned by somebody else and is unpinned by the cluster`]
    : []
}

function eventually_all_peers_have_equal_heads({ peers }: World): string[] {
  return differences(peers, ({ store }) => store.heads().map(({ cid, priority }) => `${cid} at ${priority}`))
}

function eventually_all_peers_have_equal_pins({ peers }: World): string[] {
  return differences(peers, (peer) =>
    pinsOf(peer).map((pin) => `${pin.cid} ${pin.name} ${pin.mode} ${pin.allocations}`),
  )
}

function eventually_queues_drain({ peers, contents, missing }: World): string[] {
  return onEach(peers, (peer) => {
    const stuck = recordsOf(peer, contents).filter(
      ({ cid, status }) => status !== 'pinned' && !(status === 'pin_error' && missing.has(cid.toString())),
    )
    return stuck.map(
      ({ cid, status, attempts, error }) => `${cid} is ${status} after ${attempts} tries: ${error}`,
    )
  })
}

function finally_heads_are_what_nothing_builds_on({ peers }: World): string[] {
  return onEach(peers, ({ store }) => {
    const tips = new Set<string>()
    const blocks = pagesOf((after) => store.blocks({ limit: 1000, ...after }))
    for (const { cid } of blocks) tips.add(cid.toString())
    for (const { cid, bytes } of blocks) {
      for (const link of decodeBlock(cid, bytes).links) tips.delete(link.toString())
    }
    const heads = new Set(store.heads().map(({ cid }) => cid.toString()))
    return [
      ...[...heads.difference(tips)].map((cid) => `${cid} is a head, and another block builds on it`),
      ...[...tips.difference(heads)].map((cid) => `nothing builds on ${cid}, and it is no head`),
    ]
  })
}

function finally_every_peer_has_every_acknowledged_change({ peers, model }: World): string[] {
  return onEach(peers, ({ store }) =>
    model
      .acknowledgedBlocks()
      .filter((cid) => !store.hasBlock(cid))
      .map((cid) => `block ${cid} was acknowledged and never came`),
  )
}

function finally_the_pinset_is_what_clients_were_told({ peers, model }: World): string[] {
  return onEach(peers, (peer) => {
    const pins = new Map(pinsOf(peer).map((pin) => [pin.cid.toString(), pin]))
    const complaints = model.keys().flatMap((key) => {
      const pin = pins.get(key)
      const fate = model.fate(key)
      if (fate === 'present' && pin === undefined)
        return [`${key} was pinned, nobody unpinned it, and it is gone`]
      if (fate === 'absent' && pin !== undefined) return [`${key} was unpinned and is there`]
      const isKnown = pin === undefined || model.names(key).has(pin.name)
      return isKnown ? [] : [`${key} has the name ${pin.name}, which nobody gave it`]
    })
    const known = new Set(model.keys())
    const invented = [...pins.keys()]
      .filter((key) => !known.has(key))
      .map((key) => `nobody ever pinned ${key}`)
    return [...complaints, ...invented]
  })
}

function finally_ipfs_holds_what_the_pinset_says({ peers, missing }: World): string[] {
  return onEach(peers, (peer) => {
    const wanted = new Set(
      pinsOf(peer)
        .filter((pin) => dutyOf(pin, peer.id) === 'hold')
        .map(({ cid }) => cid.toString()),
    )
    const { pinned } = peer.ipfs
    const lacking = [...wanted].filter((key) => !pinned.has(key) && !missing.has(key))
    const left = [...pinned.values()].filter(({ cid, foreign }) => !foreign && !wanted.has(cid.toString()))
    return [
      ...lacking.map((key) => `${key} is to be held and IPFS does not have it`),
      ...left.map(({ cid }) => `${cid} is not to be held and IPFS still has it`),
    ]
  })
}

/** A recursive pin holds what a direct one would. */
function isHeld(entry: PinnedEntry | undefined, want: LocalRecord['want']): boolean {
  return entry !== undefined && (entry.state === want || entry.state === 'recursive')
}

function recordsOf({ store }: LivePeer, contents: readonly CID[]): LocalRecord[] {
  return contents.flatMap((cid) => store.local(cid) ?? [])
}

function pinsOf({ store }: LivePeer) {
  return pagesOf((after) => store.pins({ limit: 1000, ...after }))
}

/** The rows of all pages. */
function pagesOf<Row>(read: (after: { after?: Cursor }) => Page<Row>): Row[] {
  const rows: Row[] = []
  let page = read({})
  rows.push(...page.rows)
  while (page.next !== undefined) {
    page = read({ after: page.next })
    rows.push(...page.rows)
  }
  return rows
}

type LivePeer = SimulatedPeer & { store: NonNullable<SimulatedPeer['store']> }

/** Complaints about the peers that are up, with their names. */
function onEach(peers: readonly SimulatedPeer[], check: (peer: LivePeer) => string[]): string[] {
  return peers.filter(isUp).flatMap((peer) => check(peer).map((complaint) => `${peer.name}: ${complaint}`))
}

function isUp(peer: SimulatedPeer): peer is LivePeer {
  return peer.store !== undefined
}

/** What a peer has that the first one has not, and the reverse. */
function differences(peers: readonly SimulatedPeer[], list: (peer: LivePeer) => string[]): string[] {
  const [first, ...others] = peers.filter(isUp)
  if (first === undefined) return []
  const here = new Set(list(first))
  return others.flatMap((peer) => {
    const there = new Set(list(peer))
    return [
      ...[...there]
        .filter((item) => !here.has(item))
        .map((item) => `${peer.name} has ${item}; ${first.name} has not`),
      ...[...here]
        .filter((item) => !there.has(item))
        .map((item) => `${first.name} has ${item}; ${peer.name} has not`),
    ]
  })
}
