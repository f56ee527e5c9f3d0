/**
 * Deliberate defects, each a small change of one file, with the check that finds it. `seeds.json` has a seed in which it
 * does; `bun test/sim/mutations/find-seeds.ts` looks for them anew.
 */
export interface Mutation {
  file: string
  /** Text that is there exactly once. */
  find: string
  put: string
  /** The check that fails. */
  foundBy: string
}

export const mutations: Record<string, Mutation> = {
  'a write is acknowledged before it is synced': {
    file: 'test/sim/record-log.ts',
    find: 'await this.#disk.sync(scheduler)',
    put: 'void this.#disk.sync(scheduler)',
    foundBy: 'anytime_acknowledged_changes_are_stored',
  },
  'what a crash left of a write stays in the way of the next': {
    file: 'test/sim/record-log.ts',
    find: 'this.#disk.truncate(position)',
    put: '',
    foundBy: 'anytime_acknowledged_changes_are_stored',
  },
  'the bytes of blocks are not kept': {
    file: 'test/sim/memory-tables.ts',
    find: 'priority: String(priority), bytes: hex(content)',
    put: 'priority: String(priority), bytes: null',
    foundBy: 'anytime_heads_have_their_blocks',
  },
  'of equal heights the smaller value wins': {
    file: 'core/crdt/merge.ts',
    find: 'if (byValue !== 0) return byValue',
    put: 'if (byValue !== 0) return -byValue',
    foundBy: 'finally_the_pinset_is_what_its_blocks_say',
  },
  'of blocks that are merged together the unpins of the first alone count': {
    file: 'core/store/block-merger.ts',
    find: 'for (const block of blocks) this.#merge(block)',
    put: 'for (const [at, block] of blocks.entries())\n      this.#merge(at === 0 ? block : { ...block, delta: { ...block.delta, tombstones: [] } })',
    foundBy: 'eventually_all_peers_have_equal_pins',
  },
  'what is merged last wins': {
    file: 'core/crdt/merge.ts',
    find: 'if (before !== undefined && compareElements(before, element) >= 0) continue',
    put: '',
    foundBy: 'anytime_the_greatest_live_element_holds',
  },
  'a tombstone leaves the value that it kills': {
    file: 'core/crdt/merge.ts',
    find: 'if (before === undefined || !ids.includes(before.blockId)) continue',
    put: 'continue',
    foundBy: 'anytime_the_greatest_live_element_holds',
  },
  'a tombstone removes the key, whatever is left of it': {
    file: 'core/crdt/merge.ts',
    find: 'at.setCurrent(greatest(at.liveElements()))',
    put: 'at.setCurrent(undefined)',
    foundBy: 'anytime_the_greatest_live_element_holds',
  },
  'an unpin kills only the greatest element': {
    file: 'core/store/own-deltas.ts',
    find: 'return elements.sort(compareElements).map(({ blockId }) => blockId)',
    put: 'return elements.sort(compareElements).slice(-1).map(({ blockId }) => blockId)',
    foundBy: 'finally_the_pinset_is_what_clients_were_told',
  },
  'a head stays one when it is built on': {
    file: 'core/store/block-merger.ts',
    find: 'if (parent !== undefined) tables.removeHead(parent)',
    put: 'void parent',
    foundBy: 'finally_heads_are_what_nothing_builds_on',
  },
  'a new block takes the place of all heads': {
    file: 'core/store/block-merger.ts',
    find: 'tables.addHead(id)',
    put: 'for (const head of tables.heads()) tables.removeHead(head.id)\n    tables.addHead(id)',
    foundBy: 'eventually_every_peer_has_every_acknowledged_change',
  },
  'heads are announced once and never again': {
    file: 'core/network/replication.ts',
    find: '      this.#announce()\n      this.#seen.clear()\n',
    put: '',
    foundBy: 'eventually_all_peers_have_equal_heads',
  },
  'merged blocks stay parked': {
    file: 'core/network/replication.ts',
    find: 'this.#unpark(merged)',
    put: '',
    foundBy: 'anytime_bounds_hold',
  },
  'what is merged is waited for all the same': {
    file: 'core/network/replication.ts',
    find: 'this.#walk.merged(merged)',
    put: '',
    foundBy: 'eventually_nothing_is_waited_for',
  },
  'the changes of strangers are taken': {
    file: 'core/network/trusted-peers.ts',
    find: 'return peer === this.#self || this.#listed.has(everybody) || this.#listed.has(peer)',
    put: 'return peer !== everybody',
    foundBy: 'anytime_an_untrusted_delta_changes_nothing',
  },
  'a pin that is not there is taken for stored': {
    file: 'core/peer/pinning.ts',
    find: 'if (existing !== undefined && this.#isStored(existing, pin)) {',
    put: 'if (existing === undefined) return pin\n    if (this.#isStored(existing, pin)) {',
    foundBy: 'anytime_unchanged_pins_are_stored',
  },
  'a pin gets a copy more than its max': {
    file: 'core/allocator/allocation.ts',
    find: 'if (chosen.length >= max) break',
    put: 'if (chosen.length > max) break',
    foundBy: 'anytime_copies_are_never_above_max',
  },
  'a metric holds for ever': {
    file: 'core/monitor/attention.ts',
    find: 'return (deadline) => deadline > earliest',
    put: 'return (deadline) => deadline > Math.min(0, earliest)',
    foundBy: 'eventually_all_peers_see_each_other',
  },
  'a metric is taken for the one before it': {
    file: 'core/monitor/metric-window.ts',
    find: 'if (held || known === undefined) ofPeer.set(',
    put: 'if (known === undefined) ofPeer.set(',
    foundBy: 'eventually_all_peers_see_each_other',
  },
  'an alert is dropped when another one comes with it': {
    file: 'core/peer/alerts.ts',
    find: 'this.#list.add(alerts)',
    put: 'this.#list.add(alerts.slice(1))',
    foundBy: 'eventually_what_ran_out_was_alerted_of',
  },
  'what failed is never tried again': {
    file: 'core/tracker/slots.ts',
    find: 'return retries < Math.max(1, Math.floor(limit * retryShare))',
    put: 'return retries < 0',
    foundBy: 'eventually_queues_drain',
  },
  'what was in work at a crash is forgotten': {
    file: 'core/store/local-records.ts',
    find: "  ['pinning', 'pin_queued'],\n",
    put: '',
    foundBy: 'eventually_queues_drain',
  },
  'more is in flight than set': {
    file: 'core/tracker/tracker.ts',
    find: 'let slots = this.#limit(kind) - this.#count(',
    put: 'let slots = this.#limit(kind) + 1 - this.#count(',
    foundBy: 'anytime_no_more_in_flight_than_set',
  },
  'what is held already is queued twice': {
    file: 'core/tracker/tracker.ts',
    find: 'this.#lanes[kind].fill(priority, work, limit, (key) => this.#held.has(key))',
    put: 'this.#lanes[kind].fill(priority, work, limit, () => false)',
    foundBy: 'anytime_no_more_in_flight_than_set',
  },
  'results of an older generation are recorded': {
    file: 'core/store/local-records.ts',
    find: 'before?.generation !== rest.generation',
    put: 'before === undefined',
    foundBy: 'finally_ipfs_holds_what_the_pinset_says',
  },
  'what IPFS says is unpinned counts as pinned': {
    file: 'core/tracker/tracker.ts',
    find: 'if (!found) this.#begin(work)',
    put: "if (!found && state !== 'unpinned') this.#begin(work)",
    foundBy: 'anytime_pinned_is_what_ipfs_confirmed',
  },
  'a pin that runs is told as pinned': {
    file: 'core/tracker/status.ts',
    find: 'if (inFlight?.generation === record.generation) return inFlight.status',
    put: "if (inFlight?.generation === record.generation) return 'pinned'",
    foundBy: 'anytime_told_pinned_is_what_ipfs_confirmed',
  },
  'another IPFS node is believed to hold what the last one held': {
    file: 'core/store/local-records.ts',
    find: "if (bound !== undefined) tables.setMeta('rebinding', '0')",
    put: '',
    foundBy: 'anytime_pinned_is_what_ipfs_confirmed',
  },
  'another index of the same IPFS node is believed to hold what the last one held': {
    file: 'core/tracker/driver.ts',
    find: 'const name = repository === undefined ? id :',
    put: 'const name = repository === undefined || id.length > 0 ? id :',
    foundBy: 'anytime_pinned_is_readable',
  },
  'a pin that its IPFS node doubts is told as pinned': {
    file: 'core/peer/reports.ts',
    find: 'if (doubt === undefined) return record',
    put: "if (doubt !== 'incomplete') return record",
    foundBy: 'anytime_pinned_is_readable',
  },
  'a pin that lacks blocks is told as pinned until it is looked at again': {
    file: 'core/peer/reports.ts',
    find: 'if (doubt === undefined) return record',
    put: "if (doubt !== 'in-doubt') return record",
    foundBy: 'anytime_pinned_is_readable',
  },
  'pins of others are unpinned': {
    file: 'core/tracker/retarget.ts',
    find: 'if (record === undefined || !record.owned) return undefined',
    put: 'if (record === undefined) return undefined',
    foundBy: 'anytime_only_own_pins_are_unpinned',
  },
  'what goes to other peers stays pinned on IPFS': {
    file: 'core/tracker/retarget.ts',
    find: 'return want === undefined ? release(change) : hold(change, want, settings)',
    put: 'return want === undefined ? undefined : hold(change, want, settings)',
    foundBy: 'finally_ipfs_holds_what_the_pinset_says',
  },
  'what is lost on IPFS is not missed': {
    file: 'core/tracker/reconciliation.ts',
    find: 'if (outcome !== undefined) found.push(outcome)',
    put: 'void outcome',
    foundBy: 'eventually_pinned_is_what_ipfs_holds',
  },
  'nobody unpins what has expired': {
    file: 'core/upkeep/expiry.ts',
    find: 'return now - dueAt >= sharers().rank(cid, self) * takeover',
    put: 'return now < dueAt',
    foundBy: 'eventually_expired_pins_are_gone',
  },
  'a pin gets a copy less than its max': {
    file: 'core/allocator/allocation.ts',
    find: 'if (chosen.length >= max) break',
    put: 'if (chosen.length >= Math.max(1, max - 1)) break',
    foundBy: 'eventually_copies_are_not_below_min',
  },
  'pins that are below their min get no copies': {
    file: 'core/upkeep/copies.ts',
    find: 'if (copies < pin.replicationFactorMin) return copies',
    put: 'if (copies < pin.replicationFactorMin) return undefined',
    foundBy: 'eventually_copies_are_not_below_min',
  },
  'a pin that nobody else can be given is written again': {
    file: 'core/upkeep/reallocation.ts',
    find: 'if (added.length === 0 && allocations.length === pin.allocations.length) {',
    put: 'if (pin.allocations.length < 0) {',
    foundBy: 'anytime_background_work_writes_nothing_needlessly',
  },
  'the grace window is passed over': {
    file: 'core/upkeep/presence.ts',
    find: 'return this.#watched - (this.#lastAlive.get(peer) ?? 0) >= this.#init.grace',
    put: 'return this.#watched - (this.#lastAlive.get(peer) ?? 0) > 0',
    foundBy: 'anytime_nobody_loses_a_pin_within_the_grace_window',
  },
  'it is not noted that the source of a copy was unpinned': {
    file: 'core/store/background.ts',
    find: 'tables.setBackground(key, block, { source, orphaned: true })',
    put: 'continue',
    foundBy: 'finally_no_unpin_is_undone_by_background_work',
  },
  'copies of what was unpinned are not withdrawn': {
    file: 'core/upkeep/withdrawal.ts',
    find: 'if (orphans.length > 0) await',
    put: 'if (orphans.length > 1_000_000) await',
    foundBy: 'eventually_nothing_is_left_to_withdraw',
  },
}
