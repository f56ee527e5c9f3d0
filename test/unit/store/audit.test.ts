/** The check finds what is planted in each derived table, and the rebuild mends it, on both kinds of tables. */
import { describe, expect, test } from 'bun:test'
import type { StoreFault } from '../../../core/runtime/store.ts'
import { systemRandom, systemScheduler } from '../../../core/runtime/system.ts'
import { audit, repair } from '../../../core/store/audit.ts'
import { checkStore, rebuildStore } from '../../../core/store/maintenance.ts'
import { openWriter } from '../../../core/store/sqlite/open-database.ts'
import { SqliteTables } from '../../../core/store/sqlite/sqlite-tables.ts'
import { openStore, storePath } from '../../../core/store/sqlite-store.ts'
import type { Tables } from '../../../core/store/tables.ts'
import { retarget } from '../../../core/tracker/retarget.ts'
import { MemoryTables } from '../../sim/memory-tables.ts'
import { SimulatedDisk } from '../../sim/simulated-disk.ts'
import { openSimulatedStore, type SimulatedStore } from '../../sim/simulated-store.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { damagedBlocks, fillForAudit, plantedFaults } from './audit-cases.ts'
import {
  allPins,
  cidOf,
  failureOf,
  ManualClock,
  other,
  pinAt,
  self,
  silentLogger,
  startTime,
  writePins,
} from './fixtures.ts'

const runtime = { clock: new ManualClock(), logger: silentLogger, scheduler: systemScheduler }

async function simulated(): Promise<SimulatedStore> {
  const disk = new SimulatedDisk({ random: systemRandom, slowestSync: 0 })
  return openSimulatedStore({ disk, self, runtime })
}

/** A closed SQLite store with something of everything. */
async function filledFolder() {
  const folder = await temporaryFolder()
  await using store = await openStore({ folder: folder.path, self, runtime })
  await using rival = await simulated()
  await fillForAudit(store, rival)
  return folder
}

function edit(folder: string, plant: (tables: Tables, sql: (text: string) => void) => void): void {
  const db = openWriter(storePath(folder), { cacheBytes: 1_000_000 })
  const tables = new SqliteTables(db)
  plant(tables, (text) => db.run(text))
  tables.finalize()
  db.close()
}

/** Changes the text in the page of an index, and not in the page of its table. */
async function corruptIndex(path: string, text: string): Promise<void> {
  const [pageBytes, indexLeaf] = [4096, 0x0a]
  const file = Buffer.from(await Bun.file(path).arrayBuffer())
  for (let at = file.indexOf(text); at !== -1; at = file.indexOf(text, at + 1)) {
    if (file[at - (at % pageBytes)] === indexLeaf) file.write('?', at)
  }
  await Bun.write(path, file)
}

async function checked(folder: string): Promise<StoreFault[]> {
  return Array.fromAsync(checkStore({ folder }))
}

async function rebuilt(folder: string, peer = self): Promise<StoreFault[]> {
  return Array.fromAsync(rebuildStore({ folder, self: peer, now: () => startTime }))
}

describe('on SQLite', () => {
  test('a store that is well has no faults, and its rebuild changes nothing', async () => {
    await using folder = await filledFolder()
    expect(await checked(folder.path)).toEqual([])
    expect(await rebuilt(folder.path)).toEqual([])
    expect(await checked(folder.path)).toEqual([])
  })

  for (const { name, plant, found } of plantedFaults) {
    test(`the check finds and the rebuild mends ${name}`, async () => {
      await using folder = await filledFolder()
      edit(folder.path, plant)
      expect(await checked(folder.path)).toContainEqual(expect.objectContaining(found))
      expect(await rebuilt(folder.path)).toContainEqual(expect.objectContaining(found))
      expect(await checked(folder.path)).toEqual([])
    })
  }

  for (const { name, plant, found } of damagedBlocks) {
    test(`the check finds, and no rebuild is made over, ${name}`, async () => {
      await using folder = await filledFolder()
      edit(folder.path, plant)
      const faults = await checked(folder.path)
      expect(faults).toContainEqual(expect.objectContaining(found))
      expect(await failureOf(rebuilt(folder.path))).toMatchObject({ name: 'StoreDamagedError' })
      expect(await checked(folder.path)).toEqual(faults)
    })
  }

  test('the check finds a block that is missing', async () => {
    await using folder = await filledFolder()
    edit(folder.path, (_, sql) => sql('UPDATE blocks SET priority = NULL, bytes = NULL WHERE id = 1'))
    const faults = await checked(folder.path)
    expect(faults).toContainEqual(
      expect.objectContaining({ where: 'blocks', problem: expect.stringMatching(/parent .* is missing/) }),
    )
    expect(await failureOf(rebuilt(folder.path))).toMatchObject({ name: 'StoreDamagedError' })
  })

  test('the check finds and the rebuild mends rows of the metadata index', async () => {
    for (const change of [
      "DELETE FROM pin_metadata WHERE field = 'colour'",
      "INSERT INTO pin_metadata VALUES ('colour', 'red', 1)",
    ]) {
      await using folder = await filledFolder()
      edit(folder.path, (_, sql) => sql(change))
      expect(await checked(folder.path)).toMatchObject([
        { where: 'file', problem: expect.stringContaining('pin_metadata') },
      ])
      await rebuilt(folder.path)
      expect(await checked(folder.path)).toEqual([])
    }
  })

  test('the check finds and the rebuild mends an index that misses a row', async () => {
    await using folder = await filledFolder()
    await corruptIndex(storePath(folder.path), 'a name')
    expect(await checked(folder.path)).toContainEqual(
      expect.objectContaining({ where: 'file', problem: expect.stringContaining('pins_by_name') }),
    )
    await rebuilt(folder.path)
    expect(await checked(folder.path)).toEqual([])
    await using store = await openStore({ folder: folder.path, self, runtime })
    expect(allPins(store).map(({ name }) => name)).toContain('a name')
  })

  test('a rebuild keeps what this peer has proven, and tells of what it changed', async () => {
    await using folder = await filledFolder()
    {
      await using store = await openStore({ folder: folder.path, self, runtime })
      const record = store.local(cidOf('held'))!
      await store.record([{ ...record, status: 'pinned', owned: true, bytes: 77 }])
    }
    const [lost, risen] = plantedFaults
    edit(folder.path, (tables) => {
      risen?.plant(tables)
      lost?.plant(tables)
    })
    await rebuilt(folder.path)
    await using store = await openStore({ folder: folder.path, self, runtime })
    expect(store.local(cidOf('held'))).toMatchObject({ status: 'pinned', owned: true, bytes: 77 })
    const told = store.changes(store.lastSequence() - 2, 10).map(({ cid }) => cid.toString())
    expect(told.sort()).toEqual([cidOf('held').toString(), cidOf('removed').toString()].sort())
  })

  test('a rebuild makes the store another peer’s', async () => {
    await using folder = await filledFolder()
    const faults = await rebuilt(folder.path, other)
    expect(faults.map(({ where }) => where)).toContain('local')
    await using store = await openStore({ folder: folder.path, self: other, runtime })
    expect(store.local(cidOf('theirs'))).toMatchObject({ want: 'recursive', status: 'pin_queued' })
    expect(store.local(cidOf('held'))).toBeUndefined()
  })

  test('the check runs beside an open store and sees one moment of it', async () => {
    await using folder = await filledFolder()
    await using store = await openStore({ folder: folder.path, self, runtime })
    let busy = true
    const writing = (async () => {
      for (let i = 0; busy; i++) await writePins(store, pinAt(`pin ${i % 50}`, [self], { name: `${i}` }))
    })()
    for (let i = 0; i < 3; i++) expect(await checked(folder.path)).toEqual([])
    busy = false
    await writing
    expect(await failureOf(rebuilt(folder.path))).toMatchObject({ name: 'StoreLockedError' })
  })

  test('a check that is aborted ends with the reason of its signal', async () => {
    await using folder = await filledFolder()
    const reason = new Error('enough')
    const faults = checkStore({ folder: folder.path, signal: AbortSignal.abort(reason) })
    expect(await failureOf(Array.fromAsync(faults))).toBe(reason)
  })
})

describe('on the simulated store', () => {
  const init = (store: SimulatedStore) => ({
    tables: store.tables,
    scratch: new MemoryTables(),
    self,
    rule: retarget,
    keptChanges: 1000,
    now: () => startTime,
  })
  const faultsOf = (store: SimulatedStore) => [...audit(init(store))].flat()

  for (const { name, plant, found } of plantedFaults) {
    test(`the check finds and the rebuild mends ${name}`, async () => {
      await using store = await simulated()
      await using rival = await simulated()
      await fillForAudit(store, rival)
      expect(faultsOf(store)).toEqual([])
      store.tables.transaction(() => plant(store.tables))
      expect(faultsOf(store)).toContainEqual(expect.objectContaining(found))
      expect([...repair(init(store))].flat()).toContainEqual(expect.objectContaining(found))
      expect(faultsOf(store)).toEqual([])
    })
  }
})
