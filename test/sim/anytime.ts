/** What must hold at any time, whatever goes wrong. Looked at every few events, or when what it is about happens. */
import type { CID } from 'multiformats/cid'
import { maxAlerts } from '../../core/monitor/alert-list.ts'
import { isPinEverywhere } from '../../core/pin/pin.ts'
import { statusBits } from '../../core/pin/status.ts'
import type { LocalRecord } from '../../core/runtime/store.ts'
import { type ObservedReallocation, times } from './peer-process.ts'
import type { PinnedEntry, PinnedState } from './simulated-ipfs.ts'
import { type Check, type LivePeer, onEach, recordsOf } from './world.ts'

/** Milliseconds of its own pauses that a peer may count as silence of others: a few for each. */
const pausesCounted = 20_000

/** Milliseconds in which a peer has noted which index its IPFS node has. */
const learningTime = 20_000

/** Blocks that may be dropped a moment after they were merged. */
const droppedLater = 4

/** Looked at every few events. */
export const anytimeChecks: Record<string, Check> = {
  anytime_heads_have_their_blocks: (world) =>
    onEach(world, ({ store }) =>
      store
        .heads()
        .filter(({ cid }) => store.block(cid) === undefined)
        .map(({ cid }) => `head ${cid} has no block`),
    ),

  anytime_acknowledged_changes_are_stored: (world) =>
    onEach(world, ({ store, name }) =>
      world.model
        .acknowledgedBlocks(name)
        .filter((cid) => !store.hasBlock(cid))
        .map((cid) => `block ${cid} was acknowledged and is gone`),
    ),

  anytime_pinned_is_what_ipfs_confirmed: (world) =>
    onEach(world, (peer) =>
      recordsOf(peer, world.contents)
        .filter((record) => record.status === 'pinned' && !isConfirmed(peer, record))
        .map(({ cid, want }) => `${cid} is shown as pinned, and IPFS did not say so (${want})`),
    ),

  /**
   * A peer that says pinned can read every block. What nobody has read since it went bad is not known to be lost. A
   * peer learns with the first answer of its node that this has lost its index.
   */
  anytime_pinned_is_readable: (world) =>
    onEach(world, (peer) => {
      if (isLearning(peer)) return []
      const page = peer.process.reports.statusPage({ filter: statusBits.pinned, limit: 1_000 })
      return page.rows
        .filter(({ cid }) => !peer.ipfs.isReadable(cid))
        .map(({ cid }) => `${cid} is told as pinned, and a block of it is lost`)
    }),

  anytime_no_more_in_flight_than_set: (world) =>
    onEach(world, ({ config: { concurrency }, ipfs: { inFlight } }) => {
      const { pin, unpin } = inFlight
      // A direct pin that takes the place of a recursive one unpins first, in the slot of a pin.
      if (pin <= concurrency && pin + unpin <= 2 * concurrency) return []
      return [`${pin} pins and ${unpin} unpins in flight, at most ${concurrency} of each are allowed`]
    }),

  anytime_an_untrusted_delta_changes_nothing: (world) => {
    const blocks = [...(world.stranger?.blocks.values() ?? [])]
    return onEach(world, ({ store }) =>
      blocks.filter(({ cid }) => store.hasBlock(cid)).map(({ cid }) => `merged ${cid}, which nobody trusts`),
    )
  },

  anytime_bounds_hold: (world) =>
    onEach(world, ({ process: { alerts, exchange, replication } }) => {
      const kept = alerts.newestFirst().length
      const { parked } = exchange
      const mayPark = replication.behind + droppedLater
      return [
        ...(kept > maxAlerts ? [`${kept} alerts are kept, at most ${maxAlerts} may be`] : []),
        ...(parked > mayPark ? [`${parked} blocks are parked, at most ${mayPark} are waited for`] : []),
      ]
    }),
}

/** Asked when the pin of a CID has changed on a peer. */
export const onChangeChecks: Record<string, (peer: LivePeer, cid: CID) => string[]> = {
  anytime_copies_are_never_above_max: ({ store, name }, cid) => {
    const pin = store.pin(cid)
    if (pin === undefined) return []
    const { allocations, replicationFactorMax: max } = pin
    const most = isPinEverywhere(pin) ? 0 : max
    const isTwice = new Set(allocations).size !== allocations.length
    if (allocations.length <= most && !isTwice) return []
    return [`${name}: ${cid} is allocated to ${allocations.length} peers, at most ${most} may be`]
  },

  anytime_the_greatest_live_element_holds: ({ store: { tables }, name }, cid) => {
    const key = tables.keyId(cid.bytes)
    if (key === undefined) return []
    const holds = tables.folded(key)?.block
    const [greatest] = tables.elements(key)
    const priority = holds === undefined ? undefined : tables.block(holds)?.priority
    if (greatest?.priority === priority) return []
    return [`${name}: ${cid} has the value of height ${priority}, its greatest is ${greatest?.priority}`]
  },
}

/** Asked of every change of an IPFS node's pins by the cluster, before it happens. */
export function anytime_only_own_pins_are_unpinned(
  from: PinnedEntry | undefined,
  to: PinnedState | undefined,
): string[] {
  return from?.foreign === true && to === undefined
    ? [`${from.cid} was pinned by somebody else and is unpinned by the cluster`]
    : []
}

/** Asked when a client was told that a CID is pinned. */
export function anytime_told_pinned_is_what_ipfs_confirmed(peer: LivePeer, cid: CID): string[] {
  const record = peer.store.local(cid)
  if (record === undefined || record.want === 'none' || isConfirmed(peer, record)) return []
  return [`${peer.name}: a client was told that ${cid} is pinned, and IPFS did not say so`]
}

/** Asked when a client was told that a pin is as asked already. */
export function anytime_unchanged_pins_are_stored({ store, name }: LivePeer, cid: CID): string[] {
  const key = store.tables.keyId(cid.bytes)
  const pin = key === undefined ? undefined : store.tables.folded(key)?.pin
  return pin === undefined
    ? [`${name}: a client was told that ${cid} is pinned as asked, and it is not stored`]
    : []
}

/** Asked before background work writes a pin. */
export function anytime_background_work_writes_nothing_needlessly({
  change: { pin, from },
}: ObservedReallocation): string[] {
  const changed = new Set(pin.allocations).symmetricDifference(new Set(from.allocations))
  return changed.size > 0 ? [] : [`${from.cid} is written again as it is`]
}

/** Likewise. */
export function anytime_nobody_loses_a_pin_within_the_grace_window({
  change: { pin, from },
  silence,
  removed,
}: ObservedReallocation): string[] {
  // One with too many holders loses some that are there.
  if (from.allocations.length > from.replicationFactorMax) return []
  return from.allocations
    .filter(
      (peer) =>
        !pin.allocations.includes(peer) && !removed.has(peer) && silence(peer) < times.grace - pausesCounted,
    )
    .map((peer) => `${from.cid} is taken from ${peer}, which was heard of ${silence(peer)} ms ago`)
}

/** Its records are about another index, and it has not had the time to see that. */
function isLearning(peer: LivePeer): boolean {
  const { tables } = peer.store
  if (peer.isPaused || peer.disk.capacity < Number.POSITIVE_INFINITY) return true
  if (tables.meta('ipfs') === peer.ipfs.identity) return (tables.meta('rebinding') ?? '') !== ''
  const known = peer.knowsIpfsFor
  return known === undefined || known < learningTime
}

/**
 * True when IPFS has said that it is pinned since this peer last unpinned it. Another node is known of only when it has
 * said who it is.
 */
function isConfirmed({ store: { tables }, ipfs }: LivePeer, { cid, want }: LocalRecord): boolean {
  if (tables.meta('ipfs') !== ipfs.identity || (tables.meta('rebinding') ?? '') !== '') return true
  const said = ipfs.confirmed.get(cid.toString())
  // A recursive pin holds what a direct one would.
  return said !== undefined && (said === want || said === 'recursive')
}
