/** What is special to the store on SQLite: files, versions, readers beside the writer, full disks, failing Workers. */

import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { cp, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { encodePin } from '../../../core/pin/codec.ts'
import { systemScheduler } from '../../../core/runtime/system.ts'
import { StoreEngine } from '../../../core/store/engine.ts'
import { checkStore } from '../../../core/store/maintenance.ts'
import { migrate, requireVersion, schemaVersion } from '../../../core/store/sqlite/migrate.ts'
import { type SchemaStep, schemaSteps } from '../../../core/store/sqlite/schema.ts'
import { SqliteTables } from '../../../core/store/sqlite/sqlite-tables.ts'
import { type OpenStoreInit, openReadOnly, openStore, storePath } from '../../../core/store/sqlite-store.ts'
import type { WorkerLike } from '../../../core/store/worker-backend.ts'
import { retarget } from '../../../core/tracker/retarget.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import {
  allPins,
  cidOf,
  failureOf,
  ManualClock,
  other,
  outcomeOf,
  pinAt,
  pinOf,
  self,
  silentLogger,
  startTime,
  writePins,
} from './fixtures.ts'

const runtime = { clock: new ManualClock(), logger: silentLogger, scheduler: systemScheduler }

function open(folder: string, options: Partial<OpenStoreInit> = {}) {
  return openStore({ folder, self, runtime, ...options })
}

function editFile(folder: string, sql: string): void {
  const db = new Database(storePath(folder))
  db.run(sql)
  db.close()
}

function realWorker(): Worker {
  return new Worker(new URL('../../../core/store/store-worker.ts', import.meta.url))
}

test('the files are the owner’s alone, and a closed store is one file', async () => {
  await using folder = await temporaryFolder()
  const peerFolder = join(folder.path, 'with space', 'peer')
  {
    await using store = await open(peerFolder)
    await writePins(store, pinOf('a'))
    for (const file of ['pinset.sqlite', 'pinset.sqlite-wal', 'pinset.sqlite-shm']) {
      expect((await stat(join(peerFolder, 'store', file))).mode & 0o777).toBe(0o600)
    }
  }
  expect((await stat(join(peerFolder, 'store'))).mode & 0o777).toBe(0o700)
  expect(await readdir(join(peerFolder, 'store'))).toEqual(['pinset.sqlite'])
  expect((await readdir(peerFolder)).sort()).toEqual(['cluster.lock', 'store'])
})

test('a second store on the folder is refused, and the first is unharmed', async () => {
  await using folder = await temporaryFolder()
  await using store = await open(folder.path)
  expect(await failureOf(open(folder.path))).toMatchObject({ name: 'StoreLockedError' })
  await writePins(store, pinOf('a'))
})

test('a store of a newer version is refused, naming both versions, and not touched', async () => {
  await using folder = await temporaryFolder()
  await (await open(folder.path))[Symbol.asyncDispose]()
  editFile(folder.path, "UPDATE meta SET value = '7' WHERE name = 'schema'")
  const error = await failureOf(open(folder.path))
  expect(error).toMatchObject({ name: 'StoreVersionError' })
  expect(error.message).toContain(
    `schema version 7 and this program works with version ${schemaSteps.length}; use the cluster version`,
  )
  expect(() => openReadOnly(folder.path)).toThrow(expect.objectContaining({ name: 'StoreVersionError' }))
  expect(await failureOf(Array.fromAsync(checkStore({ folder: folder.path })))).toMatchObject({
    name: 'StoreVersionError',
  })
  editFile(folder.path, `UPDATE meta SET value = '${schemaSteps.length}' WHERE name = 'schema'`)
  await (await open(folder.path))[Symbol.asyncDispose]()
})

test('missing steps are applied in order, each whole or not at all', () => {
  const db = new Database(':memory:')
  const applied: number[] = []
  const step = (version: number, failing = false): SchemaStep => ({
    version,
    apply(open) {
      applied.push(version)
      if (version === 1) open.run('CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)')
      open.run(`CREATE TABLE step${version} (x)`)
      if (failing) throw new Error('failing step')
    },
  })
  migrate(db, 'x', [step(1)])
  expect(() => migrate(db, 'x', [step(1), step(2), step(3, true)])).toThrow('failing step')
  expect(schemaVersion(db)).toBe(2)
  expect(() => requireVersion(db, 'x', [step(1), step(2), step(3)])).toThrow(/start the peer once/)
  migrate(db, 'x', [step(1), step(2), step(3)])
  expect(schemaVersion(db)).toBe(3)
  expect(applied).toEqual([1, 2, 3, 3])
})

test('a store of the first version is brought up to date with all that it has', async () => {
  await using folder = await temporaryFolder()
  const pin = pinAt('old', [self])
  await mkdir(join(folder.path, 'store'))
  const db = new Database(storePath(folder.path), { create: true })
  migrate(db, 'x', schemaSteps.slice(0, 1))
  const tables = new SqliteTables(db)
  const engine = new StoreEngine({ tables, self, rule: retarget })
  const change = { kind: 'pin' as const, key: pin.cid.bytes, value: encodePin(pin).slice() }
  engine.commit({ jobs: [{ kind: 'write', changes: [change] }], now: startTime })
  tables.finalize()
  db.close()
  expect(() => openReadOnly(folder.path)).toThrow(/start the peer once/)

  await using store = await open(folder.path)
  expect(allPins(store)).toEqual([pin])
  expect(store.orphans(10)).toEqual([])
  const moved = { ...pin, allocations: [other] }
  expect(await store.write([{ kind: 'reallocate', pin: moved, from: pin }])).toMatchObject({ applied: 1 })
  expect(store.pin(pin.cid)).toEqual(moved)
  expect(await Array.fromAsync(checkStore({ folder: folder.path }))).toEqual([])
})

test('a store of another peer is refused with the way over', async () => {
  await using folder = await temporaryFolder()
  await (await open(folder.path))[Symbol.asyncDispose]()
  const error = await failureOf(open(folder.path, { self: other }))
  expect(error).toMatchObject({ name: 'StoreOwnerError' })
  expect(error.message).toContain('cluster state rebuild')
})

test('a reader works beside the writer and sees each commit', async () => {
  await using folder = await temporaryFolder()
  await using store = await open(folder.path)
  await writePins(store, pinOf('a'))
  using reader = openReadOnly(folder.path)
  expect(reader.self).toBe(self)
  expect(reader.pin(cidOf('a'))?.name).toBe('a')
  await writePins(store, pinOf('b'))
  expect(reader.pins({ limit: 10 }).rows.length).toBe(2)
  expect(reader.localRows({ limit: 10, filter: 0 }).rows.length).toBe(2)
})

test('a reader works when no peer runs, and a missing store is named', async () => {
  await using folder = await temporaryFolder()
  expect(() => openReadOnly(folder.path)).toThrow(expect.objectContaining({ name: 'StoreMissingError' }))
  {
    await using store = await open(folder.path)
    await writePins(store, pinOf('a'))
  }
  using reader = openReadOnly(folder.path)
  expect(reader.pin(cidOf('a'))?.name).toBe('a')
})

test('a reader works on what a killed peer left', async () => {
  await using folder = await temporaryFolder()
  await using left = await temporaryFolder()
  await using store = await open(folder.path)
  await writePins(store, pinOf('a'))
  // The files as they are between two commits; the index in memory is of no use to another process.
  await cp(join(folder.path, 'store'), join(left.path, 'store'), { recursive: true })
  await rm(`${storePath(left.path)}-shm`)
  expect((await stat(`${storePath(left.path)}-wal`)).size).toBeGreaterThan(0)
  using reader = openReadOnly(left.path)
  expect(reader.pin(cidOf('a'))?.name).toBe('a')
})

test('a file that is no store is refused with its name', async () => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'store'))
  await writeFile(storePath(folder.path), 'no database, but long enough to be read as one. '.repeat(50))
  for (const error of [
    await failureOf(open(folder.path)),
    await failureOf((async () => openReadOnly(folder.path))()),
  ]) {
    expect(error).toMatchObject({ name: 'StoreFailedError' })
    expect(error.message).toContain(storePath(folder.path))
  }
})

test('a closed store says so to readers too', async () => {
  await using folder = await temporaryFolder()
  const store = await open(folder.path)
  await store[Symbol.asyncDispose]()
  expect(() => store.pins({ limit: 1 })).toThrow(expect.objectContaining({ name: 'StoreClosedError' }))
  expect(await failureOf(store.record([]).then(() => store.bindIpfs('x')))).toMatchObject({
    name: 'StoreClosedError',
  })
})

test('a full disk fails the write with the file and the cure, and nothing of it is stored', async () => {
  await using folder = await temporaryFolder()
  const maxBytes = 400_000
  const metadata = { filler: 'x'.repeat(50_000) }
  {
    await using store = await open(folder.path, { maxBytes })
    await writePins(store, pinOf('small'))
    const before = { counts: store.counts(), last: store.lastSequence(), heads: store.heads() }
    const large = Array.from({ length: 10 }, (_, i) => pinOf(`large ${i}`, { metadata }))
    const heard: unknown[] = []
    store.onChange((changes) => heard.push(...changes))
    const error = await failureOf(writePins(store, pinOf('beside'), ...large))
    expect(error).toMatchObject({ name: 'StoreFullError', path: storePath(folder.path) })
    expect(error.message).toContain('free some space and try again')
    expect({ counts: store.counts(), last: store.lastSequence(), heads: store.heads() }).toEqual(before)
    expect(store.pin(cidOf('beside'))).toBeUndefined()
    expect(heard).toEqual([])
    expect(allPins(store).map(({ name }) => name)).toEqual(['small'])
    await writePins(store, pinOf('fits'))
    expect(store.counts().pins).toBe(2)
  }
  await using store = await open(folder.path)
  await writePins(store, pinOf('more', { metadata }))
  expect(store.counts().pins).toBe(3)
  expect(await Array.fromAsync(checkStore({ folder: folder.path }))).toEqual([])
})

test('when the Worker dies, what it had fails, reads go on, and the next write works', async () => {
  await using folder = await temporaryFolder()
  let workers = 0
  let dying = false
  const startWorker = (): WorkerLike => {
    workers++
    const worker = realWorker()
    const post = worker.postMessage.bind(worker)
    worker.postMessage = (message: unknown) => {
      if (dying) worker.dispatchEvent(new ErrorEvent('error', { message: 'out of memory' }))
      else post(message)
    }
    return worker as unknown as WorkerLike
  }
  await using store = await open(folder.path, { startWorker })
  await writePins(store, pinOf('a'))
  dying = true
  const error = await failureOf(writePins(store, pinOf('b')))
  dying = false
  expect(error).toMatchObject({ name: 'StoreFailedError' })
  expect(error.message).toContain('out of memory')
  expect(allPins(store).map(({ name }) => name)).toEqual(['a'])
  await writePins(store, pinOf('c'))
  expect(workers).toBe(2)
  expect(
    allPins(store)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['a', 'c'])
})

test('a Worker that ends by itself is noticed', async () => {
  await using folder = await temporaryFolder()
  let worker: Worker | undefined
  const startWorker = () => (worker = realWorker()) as unknown as WorkerLike
  await using store = await open(folder.path, { startWorker })
  await writePins(store, pinOf('a'))
  const ended = new Promise((resolve) => worker?.addEventListener('close', resolve))
  worker?.terminate()
  await ended
  await writePins(store, pinOf('b'))
  expect(store.counts().pins).toBe(2)
})

test('a Worker that cannot start fails the opening and frees the folder', async () => {
  await using folder = await temporaryFolder()
  const startWorker = () =>
    new Worker('data:text/javascript,throw new Error("no start")') as unknown as WorkerLike
  expect(await failureOf(open(folder.path, { startWorker }))).toMatchObject({ name: 'StoreFailedError' })
  await (await open(folder.path))[Symbol.asyncDispose]()
})

test('it is told when the last process did not close the store', async () => {
  await using folder = await temporaryFolder()
  const told: string[] = []
  const logger = { ...silentLogger, info: (message: string) => told.push(message) }
  {
    await using store = await open(folder.path, { runtime: { ...runtime, logger } })
    await writePins(store, pinOf('a'))
    await store.record([outcomeOf(store.local(cidOf('a'))!, { status: 'pinning' })])
  }
  await (await open(folder.path, { runtime: { ...runtime, logger } }))[Symbol.asyncDispose]()
  expect(told).toEqual([])
  editFile(folder.path, "UPDATE meta SET value = '0' WHERE name = 'clean'")
  await (await open(folder.path, { runtime: { ...runtime, logger } }))[Symbol.asyncDispose]()
  expect(told).toEqual(['the store was not closed by the last process'])
})

test('a folder that cannot be made is named', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'file')
  await writeFile(file, '')
  const error = await failureOf(open(join(file, 'peer')))
  expect(error).toMatchObject({ name: 'StoreFailedError' })
  expect(error.message).toContain(join(file, 'peer'))
})
