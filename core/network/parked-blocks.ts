/**
 * Room for blocks of the pinset that came before their parents: the newest in memory, the others in a file, so that a long
 * history can be fetched from its end. The file lives no longer than the process; what it held is fetched again.
 */
import { Database, type Statement } from 'bun:sqlite'
import { rmSync } from 'node:fs'
import type { CID } from 'multiformats/cid'
import { createPrivateFile } from '../runtime/private-files.ts'
import type { ParkedBlocks } from './replication.ts'

/** Bytes of blocks that are kept in memory; half of them go to the file at once when they become more. */
const memoryBytes = 16 * 1024 * 1024

/** Bytes of the file's page cache. */
const cacheBytes = 8 * 1024 * 1024

/** Opens the file anew, empty. */
export function openParkedBlocks(path: string): ParkedBlocks & Disposable {
  remove(path)
  createPrivateFile(path)
  const db = new Database(path, { create: true, strict: true })
  try {
    // Bun's SQLite knows no mode without a journal.
    db.run('PRAGMA journal_mode = MEMORY')
    db.run('PRAGMA synchronous = OFF')
    db.run('PRAGMA locking_mode = EXCLUSIVE')
    db.run(`PRAGMA cache_size = ${-cacheBytes / 1024}`)
    db.run('CREATE TABLE parked (name BLOB PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID, STRICT')
    return new SpilledBlocks(db, path)
  } catch (error) {
    db.close()
    remove(path)
    throw error
  }
}

class SpilledBlocks implements ParkedBlocks {
  readonly #db: Database
  readonly #path: string
  readonly #memory = new Map<string, { name: Uint8Array; bytes: Uint8Array }>()
  #memoryBytes = 0
  /** Blocks in the file; while there are none it is not asked. */
  #spilled = 0
  readonly #insert: Statement
  readonly #select: Statement<{ bytes: Uint8Array }>
  readonly #delete: Statement

  constructor(db: Database, path: string) {
    this.#db = db
    this.#path = path
    this.#insert = db.prepare('INSERT OR IGNORE INTO parked (name, bytes) VALUES (?, ?)')
    this.#select = db.prepare('SELECT bytes FROM parked WHERE name = ?')
    this.#delete = db.prepare('DELETE FROM parked WHERE name = ?')
  }

  put(cid: CID, bytes: Uint8Array): void {
    const key = keyOf(cid)
    if (this.#memory.has(key)) return
    this.#memory.set(key, { name: cid.multihash.bytes, bytes })
    this.#memoryBytes += bytes.length
    if (this.#memoryBytes > memoryBytes) this.#spill()
  }

  get(cid: CID): Uint8Array | undefined {
    const kept = this.#memory.get(keyOf(cid))
    if (kept !== undefined || this.#spilled === 0) return kept?.bytes
    return this.#select.get(cid.multihash.bytes)?.bytes
  }

  delete(cids: readonly CID[]): void {
    const inFile = cids.filter((cid) => !this.#forget(cid))
    if (this.#spilled === 0 || inFile.length === 0) return
    this.#db.transaction(() => {
      for (const cid of inFile) this.#spilled -= this.#delete.run(cid.multihash.bytes).changes
    })()
  }

  [Symbol.dispose](): void {
    this.#memory.clear()
    for (const statement of [this.#insert, this.#select, this.#delete]) statement.finalize()
    this.#db.close()
    remove(this.#path)
  }

  /** True when the block was in memory. */
  #forget(cid: CID): boolean {
    const key = keyOf(cid)
    const kept = this.#memory.get(key)
    if (kept === undefined) return false
    this.#memoryBytes -= kept.bytes.length
    return this.#memory.delete(key)
  }

  /** Writes the oldest half to the file. When the disk takes no more, they are dropped: they can be fetched again. */
  #spill(): void {
    const leaving: { name: Uint8Array; bytes: Uint8Array }[] = []
    for (const [key, block] of this.#memory) {
      if (this.#memoryBytes <= memoryBytes / 2) break
      leaving.push(block)
      this.#memory.delete(key)
      this.#memoryBytes -= block.bytes.length
    }
    try {
      this.#db.transaction(() => {
        for (const { name, bytes } of leaving) this.#spilled += this.#insert.run(name, bytes).changes
      })()
    } catch (error) {
      if ((error as { code?: string }).code !== 'SQLITE_FULL') throw error
    }
  }
}

function keyOf(cid: CID): string {
  return Buffer.from(cid.multihash.digest).toString('latin1')
}

function remove(path: string): void {
  for (const suffix of ['', '-journal', '-wal', '-shm']) rmSync(path + suffix, { force: true })
}
