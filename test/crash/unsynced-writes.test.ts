import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { watchUnsyncedWrites, whyNoUnsyncedWrites } from './unsynced-writes.ts'

const reason = whyNoUnsyncedWrites()

const writer = `
  import { Database } from 'bun:sqlite'
  const [path, synchronous] = process.argv.slice(1)
  const database = new Database(path)
  database.run('PRAGMA journal_mode = WAL')
  database.run('CREATE TABLE rows (n)')
  database.run('PRAGMA wal_checkpoint(TRUNCATE)')
  database.run('PRAGMA synchronous = ' + synchronous)
  for (let n = 0; n < 50; n++) database.run('INSERT INTO rows VALUES (?)', [n])
  process.kill(process.pid, 'SIGKILL')
`

async function rowsAfterCrash(synchronous: 'FULL' | 'OFF'): Promise<number> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'cluster-crash-')))
  const unsynced = await watchUnsyncedWrites(folder)
  try {
    const path = join(folder, 'rows.sqlite')
    const process_ = Bun.spawn([process.execPath, '-e', writer, path, synchronous], {
      env: { ...process.env, ...unsynced.environment },
    })
    await process_.exited
    await unsynced.drop()
    using database = new Database(path)
    return database.query<{ rows: number }, []>('SELECT count(*) AS rows FROM rows').get()?.rows ?? -1
  } finally {
    await unsynced.remove()
    await rm(folder, { recursive: true })
  }
}

test.skipIf(reason !== undefined)(
  `a crash keeps what was synced${reason ? ` (skipped: ${reason})` : ''}`,
  async () => {
    expect(await rowsAfterCrash('FULL')).toBe(50)
  },
)

test.skipIf(reason !== undefined)(
  `a crash loses what was not synced${reason ? ` (skipped: ${reason})` : ''}`,
  async () => {
    expect(await rowsAfterCrash('OFF')).toBe(0)
  },
)
