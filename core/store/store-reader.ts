/** The reads of the Store port, over the tables. Each call is bounded; what finds little ends its page early instead. */
import type { CID } from 'multiformats/cid'
import { blockCid } from '../crdt/block-id.ts'
import type { Pin, PinType } from '../pin/pin.ts'
import { dutyOf, type PeerIdText } from '../pin/pin.ts'
import { type PinStatus, statusBits } from '../pin/status.ts'
import type {
  Census,
  Change,
  Cursor,
  DagBlock,
  ExpiredQuery,
  Head,
  LocalQuery,
  LocalRecord,
  LocalRow,
  Page,
  PinQuery,
  StoreCounts,
  TrackedStatus,
  WaitingQuery,
  WaitingWork,
} from '../runtime/store.ts'
import { blockIdOfName } from './block-names.ts'
import { mayBeWithdrawn } from './copied-pin.ts'
import { decodeCursor, encodeCursor } from './cursor.ts'
import { ChangesGoneError, CursorError } from './errors.ts'
import { cidOfKey } from './keys.ts'
import { pageLimit } from './page-limit.ts'
import { TableCensus } from './table-census.ts'
import type { ChangeRow, KeyRow, KeyRowId, TableReader } from './tables.ts'
import { readCounts } from './transaction.ts'
import { byCid, byRow, readPage } from './walk.ts'

/** Bytes of blocks that one page holds, at most, beyond its first block. */
const pageBlockBytes = 8 * 1024 * 1024

export class StoreReader {
  readonly self: PeerIdText
  readonly #tables: TableReader

  constructor(tables: TableReader, self: PeerIdText) {
    this.#tables = tables
    this.self = self
  }

  heads(): Head[] {
    return this.#tables.heads().map(({ name, priority }) => ({ cid: cidOfBlock(name), priority }))
  }

  block(cid: CID): Uint8Array | undefined {
    const id = this.#tables.blockId(cid.multihash.bytes)
    return id === undefined ? undefined : this.#tables.blockBytes(id)
  }

  hasBlock(cid: CID): boolean {
    const id = this.#tables.blockId(cid.multihash.bytes)
    return id !== undefined && this.#tables.block(id) !== undefined
  }

  blocks({ limit, after }: { limit: number; after?: Cursor }): Page<DagBlock> {
    let position = after === undefined ? undefined : blockPosition(after)
    const rows: DagBlock[] = []
    let bytes = 0
    while (rows.length < pageLimit(limit)) {
      // One by one: a block can have megabytes, and a page has a bound.
      const [block] = this.#tables.blocksByPriority(position, 1)
      if (block === undefined) return { rows }
      if (rows.length > 0 && bytes + block.bytes.length > pageBlockBytes) break
      rows.push({ cid: cidOfBlock(block.name), bytes: block.bytes })
      bytes += block.bytes.length
      position = block
    }
    return position === undefined ? { rows } : { rows, next: blockCursor(position) }
  }

  /** The committed pin. */
  pin(cid: CID): Pin | undefined {
    const id = this.#tables.keyId(cid.bytes)
    return id === undefined ? undefined : this.#tables.folded(id)?.pin
  }

  pins({ limit, after, types, order = 'cid' }: PinQuery): Page<Pin> {
    const rare = types === undefined ? undefined : withoutData(types)
    const walk =
      rare !== undefined
        ? byCid((from, count) =>
            inOrder(
              rare.map((type) => this.#tables.pinsOfType(type, from, count)),
              count,
            ),
          )
        : order === 'any'
          ? byRow((from, count) => this.#tables.foldedById(from, count))
          : byCid((from, count) => this.#tables.foldedInOrder(from, count))
    return readPage(after, pageLimit(limit), walk, ({ folded }) => {
      const pin = folded?.pin
      return pin !== undefined && (types === undefined || types.includes(pin.type)) ? pin : undefined
    })
  }

  expired({ before, limit, after }: ExpiredQuery): Pin[] {
    const until = Math.floor(before / 1000)
    const rows = this.#tables.pinsByExpiry(until, after && this.#expiryOf(after), pageLimit(limit))
    return rows.flatMap(({ folded }) => folded?.pin ?? [])
  }

  orphans(limit: number): CID[] {
    return this.#tables.orphanedKeys(pageLimit(limit)).map(cidOfKey)
  }

  mayBeWithdrawn(cid: CID): boolean {
    return mayBeWithdrawn(this.#tables, cid.bytes)
  }

  local(cid: CID): LocalRecord | undefined {
    const id = this.#tables.keyId(cid.bytes)
    const state = id === undefined ? undefined : this.#tables.local(id)
    return state === undefined ? undefined : { cid, ...state }
  }

  localRows({ limit, after, filter }: LocalQuery): Page<LocalRow> {
    const listed = indexedStatuses(filter)
    const walk = byCid((from, count) =>
      listed === undefined
        ? this.#tables.keysInOrder(from, count)
        : inOrder(
            listed.map((status) => this.#tables.localOfStatus(status, from, count)),
            count,
          ),
    )
    return readPage(after, pageLimit(limit), walk, (row) => {
      const status = this.#statusOf(row)
      return status !== undefined && (filter === 0 || (statusBits[status] & filter) !== 0)
        ? localRow(row)
        : undefined
    })
  }

  waiting({ kind, priority, limit }: WaitingQuery): WaitingWork[] {
    return this.#tables.waiting(kind, priority, pageLimit(limit)).flatMap((row) => {
      const { pin, record } = localRow(row)
      if (record === undefined) return []
      return [pin === undefined ? { record } : { record, pin }]
    })
  }

  census(): Census {
    return new TableCensus(this.#tables)
  }

  changes(after: number, limit: number): Change[] {
    const { oldest, newest } = this.#tables.changeRange()
    if (newest > 0 && after < oldest - 1) throw new ChangesGoneError(after, oldest)
    return this.#tables.changesAfter(after, pageLimit(limit)).map(toChange)
  }

  lastSequence(): number {
    return this.#tables.changeRange().newest
  }

  counts(): StoreCounts {
    return readCounts(this.#tables.meta('counts'))
  }

  #expiryOf({ cid, expireAt }: Pin): { expire: number; id: KeyRowId } | undefined {
    const id = this.#tables.keyId(cid.bytes)
    if (id === undefined || expireAt === undefined) return undefined
    return { expire: Number(expireAt / 1_000_000_000n), id }
  }

  /** What the row shows as in a list; undefined when neither the pinset nor this peer has it. */
  #statusOf({ folded, local }: KeyRow): PinStatus | undefined {
    if (local !== undefined) return local.status
    if (folded?.pin === undefined) return undefined
    const duty = dutyOf(folded.pin, this.self)
    return duty === 'hold' ? 'pin_queued' : duty
  }
}

export function toChange({ sequence, key, kind }: ChangeRow): Change {
  return { sequence, cid: cidOfKey(key), kind }
}

/** Merges scans that are each in the order of their keys; a key is in one of them only. */
function inOrder(scans: KeyRow[][], count: number): KeyRow[] {
  return scans
    .flat()
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .slice(0, count)
}

/** Undefined when `data`, which has no index, is asked for too. */
function withoutData(types: readonly PinType[]): Exclude<PinType, 'data'>[] | undefined {
  const rare = types.filter((type) => type !== 'data')
  return rare.length === types.length ? rare : undefined
}

/** The statuses of a filter, when all of them have an index. */
function indexedStatuses(filter: number): Exclude<TrackedStatus, 'pinned'>[] | undefined {
  const listed = indexed.filter((status) => (statusBits[status] & filter) !== 0)
  const rest = listed.reduce((bits, status) => bits & ~statusBits[status], filter)
  return filter === 0 || (rest & scannedBits) !== 0 ? undefined : listed
}

const indexed = [
  'pin_queued',
  'pinning',
  'pin_error',
  'unpin_queued',
  'unpinning',
  'unpin_error',
  'unexpectedly_unpinned',
] as const satisfies TrackedStatus[]

/** Statuses that only a walk over all keys finds. The others of the bits are no status of a stored row. */
const scannedBits = statusBits.pinned | statusBits.remote | statusBits.sharded

function localRow({ key, folded, local }: KeyRow): LocalRow {
  const cid = folded?.pin?.cid ?? cidOfKey(key)
  return {
    cid,
    ...(folded?.pin === undefined ? {} : { pin: folded.pin }),
    ...(local === undefined ? {} : { record: { cid, ...local } }),
  }
}

function cidOfBlock(name: Uint8Array): CID {
  return blockCid(blockIdOfName(name))
}

function blockCursor({ priority, id }: { priority: bigint; id: number }): Cursor {
  const position = new DataView(new ArrayBuffer(16))
  position.setBigUint64(0, priority)
  position.setBigUint64(8, BigInt(id))
  return encodeCursor('b', new Uint8Array(position.buffer))
}

function blockPosition(cursor: Cursor): { priority: bigint; id: number } {
  const bytes = decodeCursor('b', cursor)
  if (bytes.length !== 16) throw new CursorError(cursor)
  const position = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { priority: position.getBigUint64(0), id: Number(position.getBigUint64(8)) }
}
