/** Faults that can be planted in a store through its tables, and what the check must say of each. */
import { expect } from 'bun:test'
import type { Store, StoreFault } from '../../../core/runtime/store.ts'
import type { BackgroundRow, BlockRow, KeyRowId, Tables } from '../../../core/store/tables.ts'
import { allBlocks, cidOf, other, outcomeOf, pinAt, pinOf, self, writePins } from './fixtures.ts'

export interface PlantedFault {
  name: string
  plant(tables: Tables): void
  /** One fault that is found, at least. */
  found: Partial<StoreFault>
}

/** Pins held, pins of others, removed ones, values in conflict. `rival` is an empty store that makes the conflict. */
export async function fillForAudit(store: Store, rival: Store): Promise<void> {
  await writePins(store, pinAt('held', [self]), pinAt('theirs', [other]), pinOf('meta', { type: 'meta' }))
  await writePins(store, pinOf('named', { name: 'a name', metadata: { colour: 'blue', '': 'nothing' } }))
  await writePins(rival, pinOf('conflict', { name: 'theirs' }), pinOf('far'))
  await writePins(store, pinOf('conflict', { name: 'mine' }), pinOf('removed'))
  await store.record([outcomeOf(store.local(cidOf('removed'))!, { status: 'pinned', owned: true })])
  await store.write([{ kind: 'unpin', cid: cidOf('removed') }])
  await store.merge(allBlocks(rival))
  const moved = pinAt('moved', [self])
  await writePins(store, moved)
  await store.write([{ kind: 'reallocate', pin: { ...moved, allocations: [other] }, from: moved }])
}

const id = (tables: Tables, name: string): KeyRowId => tables.keyId(cidOf(name).bytes)!
const text = (name: string): string => cidOf(name).toString()

export const plantedFaults: PlantedFault[] = [
  {
    name: 'a pin without its row',
    plant: (tables) => tables.setFolded(id(tables, 'held'), undefined),
    found: { where: 'pins', what: text('held') },
  },
  {
    name: 'a row of a pin that was removed',
    plant: (tables) =>
      tables.setFolded(id(tables, 'removed'), {
        ...tables.folded(id(tables, 'held'))!,
        pin: pinOf('removed'),
      }),
    found: { where: 'pins', what: text('removed') },
  },
  {
    name: 'a row that says something else than its element',
    plant: (tables) => {
      const row = tables.folded(id(tables, 'theirs'))!
      tables.setFolded(id(tables, 'theirs'), { ...row, pin: { ...row.pin!, name: 'changed' } })
    },
    found: { where: 'pins', what: text('theirs') },
  },
  {
    name: 'the losing value of a conflict',
    plant: (tables) => {
      const conflict = id(tables, 'conflict')
      const current = tables.folded(conflict)!
      const loser = tables.elements(conflict).find((block) => block.id !== current.block)!
      tables.setFolded(conflict, { block: loser.id, pin: pinOf('conflict', { name: 'theirs' }) })
    },
    found: { where: 'pins', what: text('conflict') },
  },
  {
    name: 'a row of a key that no block has',
    plant: (tables) => tables.setFolded(tables.addKey(cidOf('new').bytes), { block: 1, pin: pinOf('new') }),
    found: { where: 'pins', what: text('new') },
  },
  {
    name: 'an element without its row',
    plant: (tables) => tables.removeElement(id(tables, 'held'), tables.elements(id(tables, 'held'))[0]!.id),
    found: { where: 'elements', what: text('held') },
  },
  {
    name: 'a row of an element that is not there',
    plant: (tables) => tables.addElement(id(tables, 'held'), tables.heads()[0]!.id),
    found: { where: 'elements', what: text('held') },
  },
  {
    name: 'a tombstone without its row',
    plant: (tables) => {
      const removed = id(tables, 'removed')
      tables.removeTombstone(removed, tables.blockId(tables.tombstones(removed)[0]!)!)
    },
    found: { where: 'tombstones', what: text('removed') },
  },
  {
    name: 'a row of a tombstone that is not there',
    plant: (tables) => tables.addTombstone(id(tables, 'held'), tables.heads()[0]!.id),
    found: { where: 'tombstones', what: text('held') },
  },
  {
    name: 'a row of a background element that is not there',
    plant: (tables) => {
      const [head] = tables.heads() as [BlockRow]
      tables.setBackground(id(tables, 'held'), head.id, { source: head.id, orphaned: false })
    },
    found: { where: 'background', what: text('held') },
  },
  {
    name: 'a background element that is called an orphan and is none',
    plant: (tables) => {
      const moved = id(tables, 'moved')
      const [{ block, source }] = tables.background(moved) as [BackgroundRow]
      tables.setBackground(moved, block, { source, orphaned: true })
    },
    found: { where: 'background', what: text('moved') },
  },
  {
    name: 'a head that is not listed',
    plant: (tables) => tables.removeHead(tables.heads()[0]!.id),
    found: { where: 'heads' },
  },
  {
    name: 'a listed head that a block links to',
    plant: (tables) => tables.addHead(tables.blocksByPriority(undefined, 1)[0]!.id),
    found: { where: 'heads' },
  },
  {
    name: 'a duty without its record',
    plant: (tables) => tables.setLocal(id(tables, 'held'), undefined),
    found: { where: 'local', what: text('held') },
  },
  {
    name: 'a record of a pin that is not this peer’s to hold',
    plant: (tables) => tables.setLocal(id(tables, 'theirs'), tables.local(id(tables, 'held'))),
    found: { where: 'local', what: text('theirs') },
  },
  {
    name: 'a record that wants what was removed',
    plant: (tables) =>
      tables.setLocal(id(tables, 'removed'), { ...tables.local(id(tables, 'removed'))!, want: 'direct' }),
    found: { where: 'local', what: text('removed') },
  },
  {
    name: 'a counter that is wrong',
    plant: (tables) => {
      const counts = JSON.parse(tables.meta('counts')!)
      tables.setMeta('counts', JSON.stringify({ ...counts, pins: counts.pins + 1 }))
    },
    found: { where: 'counters', what: 'pins' },
  },
  {
    name: 'a counter of records that is wrong',
    plant: (tables) => {
      const counts = JSON.parse(tables.meta('counts')!)
      tables.setMeta('counts', JSON.stringify({ ...counts, local: { pinning: 7 } }))
    },
    found: { where: 'counters', what: 'pinning' },
  },
]

/** Faults of the blocks themselves: no rebuild can mend them. */
export const damagedBlocks: PlantedFault[] = [
  {
    name: 'a block with other bytes than its name says',
    plant: (tables) => {
      const [block] = tables.blocksByPriority(undefined, 1)
      const bytes = block!.bytes.slice()
      bytes[bytes.length - 3]! ^= 1
      tables.fillBlock(block!.id, block!.priority, bytes)
    },
    found: { where: 'blocks', problem: expect.stringContaining('hash') },
  },
  {
    name: 'a block with another priority than it has',
    plant: (tables) => {
      const [block] = tables.blocksByPriority(undefined, 1)
      tables.fillBlock(block!.id, 99n, block!.bytes)
    },
    found: { where: 'blocks', problem: expect.stringContaining('priority 99') },
  },
]
