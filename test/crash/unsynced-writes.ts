/**
 * Makes the writes that a killed process had not synced vanish, as a power cut does. `drop-unsynced.c`, preloaded into the
 * process, keeps what each write replaced; after the kill `dropUnsynced` puts it back.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface UnsyncedWrites {
  /** To be set for the process, with the others. */
  environment: Record<string, string>
  /**
   * Undoes what was not synced, except writes that `survives` is true for: the system may have put any of them on the disk.
   * Resolves with the number of writes undone. To be called once after each kill.
   */
  drop(survives?: () => boolean): Promise<number>
  remove(): Promise<void>
}

/** Why writes cannot be dropped here; undefined when they can. */
export function whyNoUnsyncedWrites(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux preloads libraries this way'
  return Bun.which('cc') === null ? 'there is no C compiler' : undefined
}

/** Compiles the library and makes a place for its journals. `folder` is where writes are to be watched. */
export async function watchUnsyncedWrites(folder: string): Promise<UnsyncedWrites> {
  const work = await mkdtemp(join(tmpdir(), 'cluster-unsynced-'))
  const library = join(work, 'drop-unsynced.so')
  const source = join(import.meta.dir, 'drop-unsynced.c')
  const compiler = Bun.spawn(['cc', '-O2', '-shared', '-fPIC', '-o', library, source, '-ldl', '-lpthread'])
  if ((await compiler.exited) !== 0) throw new Error('drop-unsynced.c does not compile')
  const journals = await mkdtemp(join(work, 'journals-'))
  return {
    environment: { LD_PRELOAD: library, UNSYNCED_FOLDER: folder, UNSYNCED_JOURNAL: journals },
    drop: (survives = () => false) => dropUnsynced(journals, survives),
    remove: () => rm(work, { recursive: true, force: true }),
  }
}

interface UndoRecord {
  offset: number
  bytes: Uint8Array
  /** Size of the file before the write. */
  size: number
}

async function dropUnsynced(journals: string, survives: () => boolean): Promise<number> {
  let undone = 0
  for (const name of await readdir(journals)) {
    const journal = await readFile(join(journals, name))
    await rm(join(journals, name))
    const end = journal.indexOf(0)
    const path = journal.subarray(0, end).toString()
    const records = undoRecords(journal.subarray(end + 1))
    // The index of the write-ahead log lives in memory; no crash keeps it.
    await rm(`${path.replace(/-wal$/, '')}-shm`, { force: true })
    if (records.length === 0 || !existsSync(path)) continue
    const file = await open(path, 'r+')
    for (const { offset, bytes, size } of records.reverse()) {
      if (survives()) continue
      await file.write(bytes, 0, bytes.length, offset)
      await file.truncate(size)
      undone += 1
    }
    await file.close()
  }
  return undone
}

const headBytes = 24

function undoRecords(journal: Buffer): UndoRecord[] {
  const records: UndoRecord[] = []
  for (let at = 0; at + headBytes <= journal.length; ) {
    const length = Number(journal.readBigUInt64LE(at + 8))
    const bytes = journal.subarray(at + headBytes, at + headBytes + length)
    // A torn record is one whose write never happened.
    if (bytes.length < length) break
    records.push({
      offset: Number(journal.readBigUInt64LE(at)),
      size: Number(journal.readBigUInt64LE(at + 16)),
      bytes,
    })
    at += headBytes + length
  }
  return records
}
