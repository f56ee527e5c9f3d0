/** Reads of the tables on SQLite. Every statement ends before its method returns, so that no snapshot is held back. */
import type { Database, SQLQueryBindings, Statement } from 'bun:sqlite'
import type { PeerIdText, PinType } from '../../pin/pin.ts'
import type { TrackedStatus } from '../../runtime/store.ts'
import { StoreClosedError, StoreDamagedError } from '../errors.ts'
import { cidOfKey } from '../keys.ts'
import type {
  BackgroundRow,
  BlockRow,
  BlockRowId,
  BlockWithBytes,
  ChangeRow,
  FoldedRow,
  KeyBytes,
  KeyRow,
  KeyRowId,
  LocalState,
  LocalSummary,
  MetaName,
  TableReader,
  WorkKind,
} from '../tables.ts'
import { fromLocalColumns, fromSummaryColumns, type LocalColumns } from './local-columns.ts'
import { fromColumns, type PeerRows, type PinColumns } from './pin-columns.ts'
import { changeCodes, metadataRows, statusCodes, typeCodes, waitingConditions } from './schema.ts'

interface PinsRow extends PinColumns {
  id: KeyRowId
  cid: Uint8Array
  block: BlockRowId | null
}

/** A row of `pins` and, where there is one, its row of `local`. */
type JoinedRow = PinsRow & (LocalColumns | { [Column in keyof LocalColumns]: null })

const pinColumns =
  'p.id, p.cid, p.block, type, name, expire, created, rmin, rmax, depth, peers, metadata, rest'
const localColumns = 'want, status, generation, attempts, error, since, next_try, priority, owned, bytes'
const joined = `SELECT ${pinColumns}, ${localColumns} FROM pins p LEFT JOIN local l ON l.id = p.id`

const metadataFaults = {
  'pin_metadata lacks a row of': `SELECT DISTINCT pin FROM (${metadataRows} EXCEPT SELECT field, value, pin FROM pin_metadata) LIMIT ?`,
  'pin_metadata has a row too many of': `SELECT DISTINCT pin FROM (SELECT field, value, pin FROM pin_metadata EXCEPT ${metadataRows}) LIMIT ?`,
}

/** Sorts before every key. */
const beforeAll = new Uint8Array(0)

const blockColumns = 'b.id, name, CAST(b.priority AS TEXT) AS priority'

interface BlockColumns {
  id: BlockRowId
  name: Uint8Array
  priority: string | null
}

export class SqliteReader implements TableReader {
  protected readonly db: Database
  protected readonly peers: CachedPeers
  readonly #statements = new Map<string, Statement>()
  #closed = false

  constructor(db: Database) {
    this.db = db
    this.peers = new CachedPeers(db)
  }

  keyId(key: KeyBytes): KeyRowId | undefined {
    return this.get<{ id: KeyRowId }>('SELECT id FROM pins WHERE cid = ?', key)?.id
  }

  keyRow(id: KeyRowId): KeyRow | undefined {
    const row = this.get<JoinedRow>(`${joined} WHERE p.id = ?`, id)
    return row === undefined ? undefined : this.#keyRow(row)
  }

  folded(key: KeyRowId): FoldedRow | undefined {
    const row = this.get<PinsRow>(`SELECT ${pinColumns} FROM pins p WHERE p.id = ?`, key)
    return row === undefined ? undefined : this.#folded(row)
  }

  local(key: KeyRowId): LocalState | undefined {
    const row = this.get<LocalColumns>(`SELECT ${localColumns} FROM local WHERE id = ?`, key)
    return row === undefined ? undefined : fromLocalColumns(row)
  }

  keysInOrder(after: KeyBytes | undefined, limit: number): KeyRow[] {
    return this.#keyRows(`${joined} WHERE p.cid > ? ORDER BY p.cid LIMIT ?`, after ?? beforeAll, limit)
  }

  foldedInOrder(after: KeyBytes | undefined, limit: number): KeyRow[] {
    const sql = `SELECT ${pinColumns} FROM pins p WHERE cid > ? ORDER BY cid LIMIT ?`
    return this.all<PinsRow>(sql, after ?? beforeAll, limit).map((row) => this.#foldedOnly(row))
  }

  foldedById(after: KeyRowId, limit: number): KeyRow[] {
    const sql = `SELECT ${pinColumns} FROM pins p WHERE id > ? ORDER BY id LIMIT ?`
    return this.all<PinsRow>(sql, after, limit).map((row) => this.#foldedOnly(row))
  }

  keysById(after: KeyRowId, limit: number): KeyRow[] {
    return this.#keyRows(`${joined} WHERE p.id > ? ORDER BY p.id LIMIT ?`, after, limit)
  }

  pinsOfType(type: Exclude<PinType, 'data'>, after: KeyBytes | undefined, limit: number): KeyRow[] {
    const rows = this.all<PinsRow>(
      `SELECT ${pinColumns} FROM pins p WHERE type = ? AND type > 0 AND cid > ? ORDER BY cid LIMIT ?`,
      typeCodes[type],
      after ?? beforeAll,
      limit,
    )
    return rows.map((row) => this.#foldedOnly(row))
  }

  pinsByExpiry(until: number, after: { expire: number; id: KeyRowId } | undefined, limit: number): KeyRow[] {
    const rows = this.all<PinsRow>(
      `SELECT ${pinColumns} FROM pins p WHERE expire IS NOT NULL AND expire >= ?1 AND expire <= ?2
       AND (expire > ?1 OR id > ?3) ORDER BY expire, id LIMIT ?4`,
      after?.expire ?? Number.MIN_SAFE_INTEGER,
      until,
      after?.id ?? 0,
      limit,
    )
    return rows.map((row) => this.#foldedOnly(row))
  }

  localOfStatus(
    status: Exclude<TrackedStatus, 'pinned'>,
    after: KeyBytes | undefined,
    limit: number,
  ): KeyRow[] {
    return this.#keyRows(
      `SELECT ${pinColumns}, ${localColumns} FROM local l JOIN pins p ON p.id = l.id
       WHERE l.status = ? AND l.cid > ? AND l.cid IS NOT NULL ORDER BY l.cid LIMIT ?`,
      statusCodes[status],
      after ?? beforeAll,
      limit,
    )
  }

  localById(after: KeyRowId, limit: number): LocalSummary[] {
    const rows = this.all<Pick<LocalColumns, 'want' | 'status'> & { id: KeyRowId }>(
      'SELECT id, want, status FROM local WHERE id > ? ORDER BY id LIMIT ?',
      after,
      limit,
    )
    return rows.map((row) => ({ id: row.id, ...fromSummaryColumns(row) }))
  }

  waiting(kind: WorkKind, priority: number, limit: number): KeyRow[] {
    return this.#keyRows(
      `SELECT ${pinColumns}, ${localColumns} FROM local l JOIN pins p ON p.id = l.id
       WHERE l.${waitingConditions[kind]} AND l.priority = ? ORDER BY l.next_try LIMIT ?`,
      priority,
      limit,
    )
  }

  blockId(name: Uint8Array): BlockRowId | undefined {
    return this.get<{ id: BlockRowId }>('SELECT id FROM blocks WHERE name = ?', name)?.id
  }

  block(id: BlockRowId): BlockRow | undefined {
    const row = this.get<BlockColumns>(`SELECT ${blockColumns} FROM blocks b WHERE id = ?`, id)
    return row === undefined ? undefined : blockRow(row)
  }

  blockBytes(id: BlockRowId): Uint8Array | undefined {
    return (
      this.get<{ bytes: Uint8Array | null }>('SELECT bytes FROM blocks WHERE id = ?', id)?.bytes ?? undefined
    )
  }

  blocksByPriority(after: { priority: bigint; id: BlockRowId } | undefined, limit: number): BlockWithBytes[] {
    const rows = this.all<BlockColumns & { bytes: Uint8Array }>(
      `SELECT ${blockColumns}, bytes FROM blocks b
       WHERE b.priority IS NOT NULL AND b.priority >= ?1 AND (b.priority > ?1 OR b.id > ?2)
       ORDER BY b.priority, b.id LIMIT ?3`,
      after?.priority ?? 0n,
      after?.id ?? 0,
      limit,
    )
    return rows.map((row) => ({ ...blockRow(row)!, bytes: row.bytes }))
  }

  heads(): BlockRow[] {
    const sql = `SELECT ${blockColumns} FROM heads h JOIN blocks b ON b.id = h.block`
    return this.all<BlockColumns>(sql).flatMap((row) => blockRow(row) ?? [])
  }

  elements(key: KeyRowId): BlockRow[] {
    const sql = `SELECT ${blockColumns} FROM elements e JOIN blocks b ON b.id = e.block
      WHERE e.pin = ? ORDER BY b.priority DESC`
    return this.all<BlockColumns>(sql, key).flatMap((row) => blockRow(row) ?? [])
  }

  hasElement(key: KeyRowId, block: BlockRowId): boolean {
    return this.get('SELECT 1 FROM elements WHERE pin = ? AND block = ?', key, block) !== undefined
  }

  hasTombstone(key: KeyRowId, block: BlockRowId): boolean {
    return this.get('SELECT 1 FROM tombstones WHERE pin = ? AND block = ?', key, block) !== undefined
  }

  tombstones(key: KeyRowId): Uint8Array[] {
    const sql = 'SELECT name FROM tombstones t JOIN blocks b ON b.id = t.block WHERE t.pin = ?'
    return this.all<{ name: Uint8Array }>(sql, key).map(({ name }) => name)
  }

  background(key: KeyRowId): BackgroundRow[] {
    const sql = 'SELECT block, source, orphaned FROM background WHERE pin = ? ORDER BY block'
    return this.all<{ block: number; source: number; orphaned: number }>(sql, key).map(
      ({ block, source, orphaned }) => ({ block, source, orphaned: orphaned === 1 }),
    )
  }

  orphanedKeys(limit: number): KeyBytes[] {
    const rows = this.all<{ cid: Uint8Array }>(
      `SELECT cid FROM background b JOIN pins p ON p.id = b.pin
       WHERE b.orphaned = 1 GROUP BY b.pin ORDER BY b.pin LIMIT ?`,
      limit,
    )
    return rows.map(({ cid }) => cid)
  }

  changesAfter(sequence: number, limit: number): ChangeRow[] {
    const rows = this.all<{ sequence: number; cid: Uint8Array; kind: number }>(
      `SELECT sequence, cid, kind FROM changes c JOIN pins p ON p.id = c.pin
       WHERE sequence > ? ORDER BY sequence LIMIT ?`,
      sequence,
      limit,
    )
    return rows.map((row) => ({
      sequence: row.sequence,
      key: row.cid,
      kind: row.kind === changeCodes.pinset ? 'pinset' : 'local',
    }))
  }

  changeRange(): { oldest: number; newest: number } {
    const oldest = this.get<{ at: number | null }>('SELECT MIN(sequence) AS at FROM changes')?.at ?? 0
    const newest = this.get<{ at: number | null }>('SELECT MAX(sequence) AS at FROM changes')?.at ?? 0
    return { oldest, newest }
  }

  meta(name: MetaName): string | undefined {
    return this.get<{ value: string }>('SELECT value FROM meta WHERE name = ?', name)?.value
  }

  integrityFaults(limit: number): string[] {
    const faults = this.db
      .query<{ integrity_check: string }, []>(`PRAGMA integrity_check(${limit})`)
      .all()
      .map((row) => row.integrity_check)
      .filter((text) => text !== 'ok')
    for (const [problem, sql] of Object.entries(metadataFaults)) {
      for (const { pin } of this.all<{ pin: number }>(sql, limit)) faults.push(`${problem} pin row ${pin}`)
    }
    return faults
  }

  protected get<Row>(sql: string, ...values: SQLQueryBindings[]): Row | undefined {
    return (this.statement(sql).get(...values) as Row | null) ?? undefined
  }

  protected all<Row>(sql: string, ...values: SQLQueryBindings[]): Row[] {
    return this.statement(sql).all(...values) as Row[]
  }

  /** The prepared statement; there are as many as methods, so none is ever dropped. */
  protected statement(sql: string): Statement {
    if (this.#closed) throw new StoreClosedError()
    const known = this.#statements.get(sql)
    if (known !== undefined) return known
    const made = this.db.prepare(sql)
    this.#statements.set(sql, made)
    return made
  }

  #keyRows(sql: string, ...values: SQLQueryBindings[]): KeyRow[] {
    return this.all<JoinedRow>(sql, ...values).map((row) => this.#keyRow(row))
  }

  #keyRow(row: JoinedRow): KeyRow {
    const local = row.want === null ? undefined : fromLocalColumns(row)
    return { id: row.id, key: row.cid, folded: this.#folded(row), local }
  }

  #foldedOnly(row: PinsRow): KeyRow {
    return { id: row.id, key: row.cid, folded: this.#folded(row), local: undefined }
  }

  #folded(row: PinsRow): FoldedRow | undefined {
    if (row.block === null) return undefined
    const isPin = row.type !== typeCodes.unreadable
    return { block: row.block, pin: isPin ? fromColumns(cidOfKey(row.cid), row, this.peers) : undefined }
  }

  /** Ends all statements, which must be before the database is closed. */
  finalize(): void {
    this.#closed = true
    for (const statement of this.#statements.values()) statement.finalize()
    this.#statements.clear()
    this.peers.finalize()
  }
}

function blockRow(row: BlockColumns): BlockRow | undefined {
  if (row.priority === null) return undefined
  return { id: row.id, name: row.name, priority: BigInt(row.priority) }
}

/** Row ids of peers, the recent ones remembered: a cluster has few, and every pin names some. */
export class CachedPeers implements PeerRows {
  readonly #ids = new Map<PeerIdText, number>()
  readonly #peers = new Map<number, PeerIdText>()
  readonly #byPeer: Statement<{ id: number }, [string]>
  readonly #byId: Statement<{ peer: string }, [number]>
  readonly #insert: Statement<unknown, [string]>

  constructor(db: Database) {
    this.#byPeer = db.prepare('SELECT id FROM peers WHERE peer = ?')
    this.#byId = db.prepare('SELECT peer FROM peers WHERE id = ?')
    this.#insert = db.prepare('INSERT INTO peers (peer) VALUES (?)')
  }

  idOf(peer: PeerIdText): number {
    const known = this.#ids.get(peer)
    if (known !== undefined) return known
    const id = this.#byPeer.get(peer)?.id ?? Number(this.#insert.run(peer).lastInsertRowid)
    this.#remember(id, peer)
    return id
  }

  peerOf(id: number): PeerIdText {
    const known = this.#peers.get(id)
    if (known !== undefined) return known
    const row = this.#byId.get(id)
    if (row === null) throw new StoreDamagedError(`table peers has no row ${id}`)
    this.#remember(id, row.peer)
    return row.peer
  }

  /** For after a transaction that was undone: row ids that it gave out may be given again. */
  forget(): void {
    this.#ids.clear()
    this.#peers.clear()
  }

  finalize(): void {
    for (const statement of [this.#byPeer, this.#byId, this.#insert]) statement.finalize()
  }

  #remember(id: number, peer: PeerIdText): void {
    if (this.#ids.size >= rememberedPeers) this.forget()
    this.#ids.set(peer, id)
    this.#peers.set(id, peer)
  }
}

const rememberedPeers = 10_000
