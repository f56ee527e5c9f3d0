import type { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { systemScheduler } from '../../../core/runtime/system.ts'
import { LogGuard } from '../../../core/store/log-guard.ts'
import { checkStore } from '../../../core/store/maintenance.ts'
import { openReader, openWriter } from '../../../core/store/sqlite/open-database.ts'
import { openStore } from '../../../core/store/sqlite-store.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { failureOf, ManualClock, pinOf, self, silentLogger, writePins } from './fixtures.ts'

const cacheBytes = 1024 * 1024

test('a snapshot is ended when the log has grown too far, also while its reader stands still', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'file')
  const writer = openWriter(path, { cacheBytes })
  writer.run('CREATE TABLE rows (bytes BLOB)')
  const reader: Database = openReader(path, { cacheBytes })
  reader.run('BEGIN')
  reader.query('SELECT count(*) FROM rows').get()
  const released = Promise.withResolvers<void>()
  const release = () => {
    reader.run('ROLLBACK')
    released.resolve()
  }
  using guard = new LogGuard({ path, release, most: 300_000, interval: 2 })
  const write = () => writer.query('INSERT INTO rows VALUES (?)').run(new Uint8Array(100_000))
  write()
  guard.throwIfOvertaken()
  for (let i = 0; i < 4; i++) write()
  const isHeld = () => (writer.query('PRAGMA wal_checkpoint(TRUNCATE)').get() as { busy: number }).busy === 1
  await released.promise
  expect(isHeld()).toBe(false)
  expect(() => guard.throwIfOvertaken()).toThrow('run it again')
  reader.close()
  writer.close()
})

test('a check that is overtaken fails with what to do, and one that is not ends well', async () => {
  await using folder = await temporaryFolder()
  const runtime = { clock: new ManualClock(), logger: silentLogger, scheduler: systemScheduler }
  await using store = await openStore({ folder: folder.path, self, runtime })
  await writePins(store, pinOf('a'), pinOf('b'))
  const check = (most: number) => Array.fromAsync(checkStore({ folder: folder.path, log: { most } }))
  expect(await failureOf(check(0))).toMatchObject({ name: 'CheckOvertakenError' })
  expect(await check(1_000_000)).toEqual([])
})
