/** The tables on SQLite, for the one connection that writes. */
import type {
  BackgroundRow,
  BlockRowId,
  ChangeKind,
  FoldedRow,
  KeyBytes,
  KeyRowId,
  LocalState,
  MetaName,
  Tables,
} from '../tables.ts'
import { toLocalColumns } from './local-columns.ts'
import { toColumns } from './pin-columns.ts'
import { changeCodes, metadataRows, statusCodes, typeCodes } from './schema.ts'
import { SqliteReader } from './sqlite-reader.ts'

export class SqliteTables extends SqliteReader implements Tables {
  transaction<Result>(body: () => Result): Result {
    this.db.run('BEGIN IMMEDIATE')
    try {
      const result = body()
      this.db.run('COMMIT')
      return result
    } catch (error) {
      this.peers.forget()
      // Some errors, a full disk among them, have ended the transaction already.
      if (this.db.inTransaction) this.db.run('ROLLBACK')
      throw error
    }
  }

  addKey(key: KeyBytes): KeyRowId {
    return this.#insert('INSERT INTO pins (cid) VALUES (?)', key)
  }

  setFolded(key: KeyRowId, row: FoldedRow | undefined): void {
    if (row === undefined) {
      this.#run(clearPin, key)
      return
    }
    if (row.pin === undefined) {
      this.#run(clearPin, key)
      this.#run('UPDATE pins SET block = ?, type = ? WHERE id = ?', row.block, typeCodes.unreadable, key)
      return
    }
    const { type, name, expire, created, rmin, rmax, depth, peers, metadata, rest } = toColumns(
      row.pin,
      this.peers,
    )
    this.#run(setPin, row.block, type, name, expire, created, rmin, rmax, depth, peers, metadata, rest, key)
  }

  setLocal(key: KeyRowId, state: LocalState | undefined): void {
    if (state === undefined) {
      this.#run('DELETE FROM local WHERE id = ?', key)
      return
    }
    const { want, status, generation, attempts, error, since, next_try, priority, owned, bytes } =
      toLocalColumns(state)
    const listed = status === statusCodes.pinned ? 0 : 1
    this.#run(
      setLocal,
      key,
      want,
      status,
      generation,
      attempts,
      error,
      since,
      next_try,
      priority,
      owned,
      bytes,
      listed,
    )
  }

  nameBlock(name: Uint8Array): BlockRowId {
    return this.blockId(name) ?? this.#insert('INSERT INTO blocks (name) VALUES (?)', name)
  }

  fillBlock(id: BlockRowId, priority: bigint, bytes: Uint8Array): void {
    this.#run('UPDATE blocks SET priority = ?, bytes = ? WHERE id = ?', priority, bytes, id)
  }

  addHead(block: BlockRowId): void {
    this.#run('INSERT OR IGNORE INTO heads VALUES (?)', block)
  }

  removeHead(block: BlockRowId): void {
    this.#run('DELETE FROM heads WHERE block = ?', block)
  }

  addElement(key: KeyRowId, block: BlockRowId): void {
    this.#run('INSERT OR IGNORE INTO elements VALUES (?, ?)', key, block)
  }

  removeElement(key: KeyRowId, block: BlockRowId): void {
    this.#run('DELETE FROM elements WHERE pin = ? AND block = ?', key, block)
  }

  addTombstone(key: KeyRowId, block: BlockRowId): void {
    this.#run('INSERT OR IGNORE INTO tombstones VALUES (?, ?)', key, block)
  }

  removeTombstone(key: KeyRowId, block: BlockRowId): void {
    this.#run('DELETE FROM tombstones WHERE pin = ? AND block = ?', key, block)
  }

  setBackground(key: KeyRowId, block: BlockRowId, row: Omit<BackgroundRow, 'block'> | undefined): void {
    if (row === undefined) this.#run('DELETE FROM background WHERE pin = ? AND block = ?', key, block)
    else {
      const orphaned = row.orphaned ? 1 : 0
      this.#run('INSERT OR REPLACE INTO background VALUES (?, ?, ?, ?)', key, block, row.source, orphaned)
    }
  }

  addChange(sequence: number, key: KeyRowId, kind: ChangeKind): void {
    this.#run('INSERT INTO changes VALUES (?, ?, ?)', sequence, key, changeCodes[kind])
  }

  dropChanges(upTo: number): void {
    this.#run('DELETE FROM changes WHERE sequence <= ?', upTo)
  }

  setMeta(name: MetaName, value: string): void {
    this.#run('INSERT OR REPLACE INTO meta VALUES (?, ?)', name, value)
  }

  repairIntegrity(): void {
    this.db.run('REINDEX')
    this.db.run('DELETE FROM pin_metadata')
    this.db.run(`INSERT OR IGNORE INTO pin_metadata ${metadataRows}`)
  }

  #insert(sql: string, value: Uint8Array): number {
    return Number(this.statement(sql).run(value).lastInsertRowid)
  }

  #run(sql: string, ...values: (string | number | bigint | Uint8Array | null)[]): void {
    this.statement(sql).run(...values)
  }
}

const clearPin = `UPDATE pins SET block = NULL, type = NULL, name = NULL, expire = NULL, created = NULL,
  rmin = NULL, rmax = NULL, depth = NULL, peers = NULL, metadata = NULL, rest = NULL WHERE id = ?`

const setPin = `UPDATE pins SET block = ?, type = ?, name = ?, expire = ?, created = ?,
  rmin = ?, rmax = ?, depth = ?, peers = ?, metadata = ?, rest = ? WHERE id = ?`

const setLocal = `INSERT OR REPLACE INTO local
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, CASE ?12 WHEN 1 THEN (SELECT cid FROM pins WHERE id = ?1) END)`
