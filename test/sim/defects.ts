/** Deliberate mistakes, to show that the checks find them: each changes one thing that a peer stands on. */
import type { CID } from 'multiformats/cid'
import type { Store } from '../../core/runtime/store.ts'
import type { TrackerIpfs, TrackerStore } from '../../core/tracker/driver.ts'
import { type RetargetRule, retarget } from '../../core/tracker/retarget.ts'
import type { TrackerSettings } from '../../core/tracker/settings.ts'
import { SimulatedDisk, type SimulatedDiskInit } from './simulated-disk.ts'

export interface Defect {
  makeDisk?(init: SimulatedDiskInit): SimulatedDisk
  rule?: RetargetRule
  /** What all of the peer, its clients and the checks are given. */
  changeStore?(store: Store): Store
  /** What clients and the checks are given. */
  changeShownStore?(store: Store): Store
  /** What the exchange is given. */
  changeExchangeStore?(store: Store): Store
  /** What the tracker is given. */
  changeTrackerStore?(store: Store): TrackerStore
  changeIpfs?(ipfs: TrackerIpfs): TrackerIpfs
  settings?: Partial<TrackerSettings>
}

export const noDefect: Defect = {}

/** Each with the check that is to find it. */
export const defects: Record<string, { defect: Defect; foundBy: string }> = {
  'the store answers before it syncs': {
    foundBy: 'anytime_acknowledged_changes_are_stored',
    defect: { makeDisk: (init) => new LyingDisk(init) },
  },
  'unpins are acknowledged and forgotten': {
    foundBy: 'finally_the_pinset_is_what_clients_were_told',
    defect: {
      changeStore: (store) =>
        instead(store, {
          write: (changes) => store.write(changes.filter(({ kind }) => kind === 'pin')),
        }),
    },
  },
  'heads are never announced': {
    foundBy: 'eventually_all_peers_have_equal_heads',
    defect: { changeExchangeStore: (store) => instead(store, { heads: () => [] }) },
  },
  'a head stays one when it is built on': {
    foundBy: 'finally_heads_are_what_nothing_builds_on',
    defect: {
      changeStore: (store) =>
        instead(store, {
          heads: () => {
            const oldest = store.blocks({ limit: 1 }).rows.map(({ cid }) => ({ cid, priority: 1n }))
            return [...store.heads(), ...oldest]
          },
        }),
    },
  },
  'a peer shows fewer pins than others': {
    foundBy: 'eventually_all_peers_have_equal_pins',
    defect: {
      changeShownStore: (store) =>
        instead(store, {
          pins: (query) => ({ rows: store.pins(query).rows.filter(({ cid }) => !marks(store, cid)) }),
        }),
    },
  },
  'a peer never gets some blocks of others': {
    foundBy: 'finally_every_peer_has_every_acknowledged_change',
    defect: {
      changeShownStore: (store) => {
        const own = new Set<string>()
        return instead(store, {
          write: async (changes) => {
            const written = await store.write(changes)
            own.add(String(written.cid))
            return written
          },
          hasBlock: (cid) => store.hasBlock(cid) && (own.has(cid.toString()) || !marks(store, cid)),
        })
      },
    },
  },
  'blocks are not kept': {
    foundBy: 'anytime_heads_have_their_blocks',
    defect: { changeStore: (store) => instead(store, { block: () => undefined }) },
  },
  'what failed is never tried again': {
    foundBy: 'eventually_queues_drain',
    defect: {
      changeTrackerStore: (store) =>
        instead(store, {
          waiting: (query) => store.waiting(query).filter(({ record }) => record.attempts === 0),
        }),
    },
  },
  'more is in flight than set': {
    foundBy: 'anytime_no_more_in_flight_than_set',
    defect: { settings: { concurrentPins: 20 } },
  },
  'pinned is said before IPFS says it': {
    foundBy: 'anytime_pinned_is_what_ipfs_confirmed',
    defect: {
      changeIpfs: (ipfs) => ({
        ...ipfs,
        pin: async (cid, options) => {
          ipfs.pin(cid, options).catch(() => undefined)
          return { blocks: 1 }
        },
      }),
    },
  },
  'everything is unpinned, whoever pinned it': {
    foundBy: 'anytime_only_own_pins_are_unpinned',
    defect: {
      rule: (change) =>
        retarget({
          ...change,
          record: change.record === undefined ? undefined : { ...change.record, owned: true },
        }),
    },
  },
  'pins are forgotten on IPFS when they go elsewhere': {
    foundBy: 'finally_ipfs_holds_what_the_pinset_says',
    defect: {
      rule: (change) => {
        const record = retarget(change)
        return record?.want === 'none' && change.after !== undefined ? undefined : record
      },
    },
  },
}

/** True for about half of the CIDs, and for others on each peer. */
function marks(store: Store, cid: CID): boolean {
  return Bun.hash.xxHash32(store.self + cid.toString()) % 2 === 0
}

/** Syncs nothing and says that it did. */
class LyingDisk extends SimulatedDisk {
  override async sync(): Promise<void> {}
}

/** `object` with some of its methods changed. */
function instead<Whole extends object>(object: Whole, changed: Partial<Whole>): Whole {
  return new Proxy(object, {
    get(target, name) {
      const value = Reflect.get(name in changed ? changed : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
