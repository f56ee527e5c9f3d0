/**
 * The rows that the store is made of, and the few operations that its logic needs on them. All are synchronous: one
 * transaction runs from beginning to end without giving way. `sqlite/sqlite-tables.ts` has them on SQLite, the simulator
 * in memory over a virtual disk, so that both run the same logic (`engine.ts`).
 */
import type { Pin, PinType } from '../pin/pin.ts'
import type { LocalRecord, TrackedStatus } from '../runtime/store.ts'

/** Row id of a key. A key that was seen once keeps its row, also after its pin was removed. */
export type KeyRowId = number

/** Row id of a block, or of the name of a block that only a tombstone mentions. */
export type BlockRowId = number

/** Bytes that name a key: those of its CID (`keys.ts`). */
export type KeyBytes = Uint8Array

/** The current value of a key. */
export interface FoldedRow {
  /** The block whose element it is. */
  block: BlockRowId
  /** Undefined when the value is no pin: the key is in the set, and no list shows it. */
  pin: Pin | undefined
}

/** A `LocalRecord` without the CID, which the key has. */
export type LocalState = Omit<LocalRecord, 'cid'>

/** What a walk over all records looks at. */
export interface LocalSummary extends Pick<LocalState, 'want' | 'status'> {
  id: KeyRowId
}

export interface KeyRow {
  id: KeyRowId
  key: KeyBytes
  folded: FoldedRow | undefined
  local: LocalState | undefined
}

export interface BlockRow {
  id: BlockRowId
  /** Multihash of the block. */
  name: Uint8Array
  priority: bigint
}

export interface BlockWithBytes extends BlockRow {
  bytes: Uint8Array
}

/** A live element that background work of this peer wrote. */
export interface BackgroundRow {
  block: BlockRowId
  /** The block whose element it copied. */
  source: BlockRowId
  /** True when that element is dead. */
  orphaned: boolean
}

export type ChangeKind = 'pinset' | 'local'

export interface ChangeRow {
  sequence: number
  key: KeyBytes
  kind: ChangeKind
}

/** A change row as its commit tells it. */
export interface CommittedRow extends ChangeRow {
  /** The queue that the record waits in since then, if it does. */
  waits?: { kind: WorkKind; priority: number }
}

export type WorkKind = 'pin' | 'unpin'

/** The statuses that wait to be tried, by the kind of work. */
export const waitingStatuses: Readonly<Record<WorkKind, readonly TrackedStatus[]>> = {
  pin: ['pin_queued', 'pin_error', 'unexpectedly_unpinned'],
  unpin: ['unpin_queued', 'unpin_error'],
}

/** Names of the small values in the `meta` table. */
export type MetaName = 'schema' | 'self' | 'ipfs' | 'rebinding' | 'counts' | 'clean'

/** Point reads, and scans that return at most `limit` rows. */
export interface TableReader {
  keyId(key: KeyBytes): KeyRowId | undefined
  keyRow(id: KeyRowId): KeyRow | undefined
  folded(key: KeyRowId): FoldedRow | undefined
  local(key: KeyRowId): LocalState | undefined

  /** Keys in the order of their bytes, whether something is known of them or not. */
  keysInOrder(after: KeyBytes | undefined, limit: number): KeyRow[]
  /** The same without `local`. */
  foldedInOrder(after: KeyBytes | undefined, limit: number): KeyRow[]
  /** Without `local`, in the order of their row ids: by far the cheapest walk. */
  foldedById(after: KeyRowId, limit: number): KeyRow[]
  /** Keys in the order of their row ids. */
  keysById(after: KeyRowId, limit: number): KeyRow[]
  /** Pins of one type other than `data`, in the order of their CIDs; by index. `local` is left out. */
  pinsOfType(type: Exclude<PinType, 'data'>, after: KeyBytes | undefined, limit: number): KeyRow[]
  /** Records of one status other than `pinned`, in the order of their CIDs; by index. */
  localOfStatus(
    status: Exclude<TrackedStatus, 'pinned'>,
    after: KeyBytes | undefined,
    limit: number,
  ): KeyRow[]
  /** Records in the order of their row ids. */
  localById(after: KeyRowId, limit: number): LocalSummary[]
  /**
   * Pins with an expiry of up to `until` seconds since the epoch, by expiry, then row id; by index. `local` is left out.
   * `after` is a position in that order.
   */
  pinsByExpiry(until: number, after: { expire: number; id: KeyRowId } | undefined, limit: number): KeyRow[]
  /** Waiting records of one priority, the smallest `nextTryAt` first; by index. */
  waiting(kind: WorkKind, priority: number, limit: number): KeyRow[]

  blockId(name: Uint8Array): BlockRowId | undefined
  /** Undefined for a name without a block. */
  block(id: BlockRowId): BlockRow | undefined
  blockBytes(id: BlockRowId): Uint8Array | undefined
  /** Merged blocks by priority, then row id. */
  blocksByPriority(after: { priority: bigint; id: BlockRowId } | undefined, limit: number): BlockWithBytes[]
  heads(): BlockRow[]

  /** Blocks that have a live element of the key, the greatest priority first. */
  elements(key: KeyRowId): BlockRow[]
  hasElement(key: KeyRowId, block: BlockRowId): boolean
  hasTombstone(key: KeyRowId, block: BlockRowId): boolean
  /** Names of the blocks whose element of the key is dead, in no order. */
  tombstones(key: KeyRowId): Uint8Array[]
  /** In the order of their blocks' row ids. */
  background(key: KeyRowId): BackgroundRow[]
  /** Keys with orphaned background elements, in the order of their row ids; by index. */
  orphanedKeys(limit: number): KeyBytes[]

  changesAfter(sequence: number, limit: number): ChangeRow[]
  /** Sequence numbers of the oldest and the newest change row; zeros when there is none. */
  changeRange(): { oldest: number; newest: number }

  meta(name: MetaName): string | undefined
  /** What the implementation itself finds wrong with its structures, such as indexes that miss rows. */
  integrityFaults(limit: number): string[]
}

export interface Tables extends TableReader {
  /** Runs `body` as one transaction: all that it wrote is kept, or, when it throws, nothing. */
  transaction<Result>(body: () => Result): Result

  addKey(key: KeyBytes): KeyRowId
  setFolded(key: KeyRowId, row: FoldedRow | undefined): void
  setLocal(key: KeyRowId, state: LocalState | undefined): void

  /** The row of a name, made when it is new. */
  nameBlock(name: Uint8Array): BlockRowId
  /** Gives a named row its block. */
  fillBlock(id: BlockRowId, priority: bigint, bytes: Uint8Array): void
  addHead(block: BlockRowId): void
  removeHead(block: BlockRowId): void

  addElement(key: KeyRowId, block: BlockRowId): void
  removeElement(key: KeyRowId, block: BlockRowId): void
  addTombstone(key: KeyRowId, block: BlockRowId): void
  removeTombstone(key: KeyRowId, block: BlockRowId): void
  /** Stores, replaces or, without a row, deletes what is known of a background element. */
  setBackground(key: KeyRowId, block: BlockRowId, row: Omit<BackgroundRow, 'block'> | undefined): void

  addChange(sequence: number, key: KeyRowId, kind: ChangeKind): void
  /** Removes the change rows up to `sequence`. */
  dropChanges(upTo: number): void

  setMeta(name: MetaName, value: string): void
  /** Makes anew what `integrityFaults` looks at, as far as the rows allow. */
  repairIntegrity(): void
}
