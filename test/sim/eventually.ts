/** What must come to hold some time after all faults have gone. */
import { forgetAfter } from '../../core/monitor/metric-window.ts'
import type { Pin } from '../../core/pin/pin.ts'
import {
  alikePeers,
  type Check,
  followersAhead,
  type LivePeer,
  livePeers,
  onEach,
  pinsOf,
  recordsOf,
  type World,
  writers,
} from './world.ts'

/** Milliseconds until what has expired must be gone. */
const expiryDelay = 60_000

/** Milliseconds in which the prompt checks must come to hold: when peers that are gone are forgotten, they always do. */
export const promptness = forgetAfter / 2

export const promptChecks: Record<string, Check> = {
  eventually_all_peers_see_each_other: (world) => {
    const alive = livePeers(world)
      .map(({ id }) => id)
      .sort()
      .join(' ')
    return onEach(world, ({ process: { membership } }) => {
      const members = membership.members().join(' ')
      return members === alive ? [] : [`its members are ${members}, and alive are ${alive}`]
    })
  },

  eventually_what_ran_out_was_alerted_of: (world) =>
    onEach(world, ({ process: { window, alerts } }) => {
      const alerted = new Set(alerts.newestFirst().map(({ metric: { peer, name } }) => `${name} of ${peer}`))
      return [...window.newest()]
        .filter(({ holds, metric: { peer, name } }) => !holds && !alerted.has(`${name} of ${peer}`))
        .map(({ metric: { peer, name } }) => `${name} of ${peer} ran out, and there is no alert`)
    }),
}

export const eventuallyChecks: Record<string, Check> = {
  eventually_all_peers_have_equal_heads: (world) => [
    ...differences(world, ({ store }) => store.heads().map(({ cid, priority }) => `${cid} at ${priority}`)),
    ...onEach(world, (follower) => lackingHeads(world, follower), followersAhead(world)),
  ],

  eventually_every_peer_has_every_acknowledged_change: (world) => {
    const acknowledged = world.model.allAcknowledgedBlocks()
    // What a lost peer told nobody but a follower is lost with it.
    const due = acknowledged.filter(
      ({ block, isSafe }) => isSafe || writers(world).some(({ store }) => store.hasBlock(block)),
    )
    return onEach(world, ({ store }) =>
      due
        .filter(({ block }) => !store.hasBlock(block))
        .map(({ block }) => `block ${block} was acknowledged and never came`),
    )
  },

  eventually_all_peers_have_equal_pins: (world) =>
    differences(world, (peer) =>
      pinsOf(peer).map((pin) => `${pin.cid} ${pin.name} ${pin.mode} ${pin.allocations}`),
    ),

  eventually_nothing_is_waited_for: (world) =>
    onEach(world, ({ process: { replication, exchange } }) => {
      const { behind } = replication
      const { parked } = exchange
      return behind === 0 && parked === 0 ? [] : [`${behind} blocks are waited for, ${parked} are parked`]
    }),

  eventually_queues_drain: (world) =>
    onEach(world, (peer) =>
      recordsOf(peer, world.contents)
        .filter(
          ({ cid, status }) =>
            status !== 'pinned' && !(status === 'pin_error' && world.missing.has(cid.toString())),
        )
        .map(({ cid, status, attempts, error }) => `${cid} is ${status} after ${attempts} tries: ${error}`),
    ),

  eventually_pinned_is_what_ipfs_holds: (world) =>
    onEach(world, (peer) =>
      recordsOf(peer, world.contents)
        .filter(({ status, cid, want }) => {
          const held = peer.ipfs.pinned.get(cid.toString())?.state
          return status === 'pinned' && held !== want && held !== 'recursive'
        })
        .map(({ cid }) => `${cid} is shown as pinned, and IPFS does not hold it`),
    ),

  eventually_expired_pins_are_gone: (world) =>
    onEach(
      world,
      (peer) =>
        peer.store
          .expired({ before: peer.clock.now() - expiryDelay, limit: 1000 })
          .map(({ cid, expireAt }) => `${cid} has expired at ${expireAt} and is still there`),
      alikePeers(world),
    ),

  eventually_nothing_is_left_to_withdraw: (world) =>
    onEach(world, ({ store }) => store.orphans(1000).map((cid) => `a copy of ${cid} is to be withdrawn`)),

  eventually_copies_are_not_below_min: (world) =>
    world.plan.repinning
      ? onEach(
          world,
          (peer) => pinsOf(peer).flatMap((pin) => missingCopies(world, peer, pin)),
          alikePeers(world),
        )
      : [],

  ...promptChecks,
}

/** A pin may lack copies only for want of peers that can be given one. */
function missingCopies(world: World, { process: { window } }: LivePeer, pin: Pin): string[] {
  const { cid, allocations, replicationFactorMin: min, type } = pin
  if (min < 0 || type === 'meta') return []
  const alive = new Set(livePeers(world).map(({ id }) => id))
  const copies = allocations.filter((peer) => alive.has(peer)).length
  const names = world.plan.regions === 0 ? ['freespace'] : ['freespace', 'tag:region']
  const offering = [...alive].filter(
    (peer) => !allocations.includes(peer) && names.every((name) => window.holds(name, peer)),
  )
  if (copies >= min || copies + offering.length < min) return []
  return [`${cid} has ${copies} living copies, wants ${min}, and ${offering.length} more peers could hold it`]
}

/** What a follower that is ahead of the others has not of what they have. */
function lackingHeads(world: World, { store }: LivePeer): string[] {
  return writers(world).flatMap((writer) =>
    writer.store
      .heads()
      .filter(({ cid }) => !store.hasBlock(cid))
      .map(({ cid }) => `head ${cid} of ${writer.name} never came`),
  )
}

/** What a peer has that the first one has not, and the reverse. */
function differences(world: World, list: (peer: LivePeer) => string[]): string[] {
  const [first, ...others] = alikePeers(world)
  if (first === undefined) return []
  const here = new Set(list(first))
  return others.flatMap((peer) => {
    const there = new Set(list(peer))
    return [
      ...[...there.difference(here)].map((item) => `${peer.name} has ${item}; ${first.name} has not`),
      ...[...here.difference(there)].map((item) => `${first.name} has ${item}; ${peer.name} has not`),
    ]
  })
}
