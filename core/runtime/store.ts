/**
 * The durable state of a peer: the replicated pinset (CRDT blocks, heads, elements and tombstones, and the folded pins
 * they amount to), what this peer has proven about each pin on its IPFS node, and a log of changes. `core/store` has it
 * on SQLite, the simulator on a virtual disk that loses what was not synced; one compliance suite
 * (`test/unit/store/compliance.ts`) runs against both.
 *
 * Writes are asynchronous and resolve when they are durable. Point reads and pages are synchronous and bounded.
 */
import type { CID } from 'multiformats/cid'
import type { PeerIdText, Pin, PinType } from '../pin/pin.ts'
import type { StatusFilter } from '../pin/status.ts'

/** One change of the pinset: what a user asks for, or what this peer does unasked. */
export type PinsetChange = UserChange | BackgroundChange

export type UserChange = { kind: 'pin'; pin: Pin } | { kind: 'unpin'; cid: CID }

/**
 * What a peer does unasked. Each change is made only if it still fits when its turn comes, after the writes queued before
 * it and the merges that were committed before it; else it is left out, without an error.
 *
 * Elements are add-wins: an unpin kills what its peer knows. A background element that the peer did not know survives it,
 * and would undo it. So a background element lives only as long as the element that it copied: the store remembers which
 * one that was, and when it is unpinned, the author of the copy withdraws it (`Store.orphans`).
 */
export type BackgroundChange =
  /**
   * Other allocations for a pin that is still `from`. `pin` differs from it in `allocations` and, dropped, `pinUpdate`
   * only; anything else rejects with a `TypeError`.
   */
  | { kind: 'reallocate'; pin: Pin; from: Pin }
  /** An unpin, if the pin is still `from`. */
  | { kind: 'expire'; from: Pin }
  /** Kills this peer's live background elements of the CID whose source is dead, and then their copies, and no others. */
  | { kind: 'withdraw'; cid: CID }

/** A CRDT block and its name. */
export interface DagBlock {
  cid: CID
  bytes: Uint8Array
}

export interface Head {
  cid: CID
  /** Height of the block in the DAG, from 1. */
  priority: bigint
}

export interface Written {
  /** The block that carries the change; undefined when nothing had to be written (an unpin of what is not there). */
  cid?: CID
  /** Sequence number of the newest change-log row of this write; 0 when it changed no folded pin. */
  sequence: number
  /** How many of the changes were made. Unpins of what is not there and background changes that did not fit are not. */
  applied: number
}

export interface MergeOutcome {
  /** Blocks merged now; those known already are left out. */
  merged: number
  /** Newest change-log row, as in `Written`. */
  sequence: number
}

/** What this peer is to do for a CID, and what it has proven about it. See `core/tracker`. */
export interface LocalRecord {
  cid: CID
  /** What IPFS must hold: `none` = it must not be pinned (any more). */
  want: 'recursive' | 'direct' | 'none'
  status: TrackedStatus
  /**
   * Rises whenever `want` changes or the work must be done anew; results of an older generation are dropped. Never used
   * twice for a CID, not even after its record was deleted: it is the number of the change-log row that caused it.
   */
  generation: number
  /** Times tried since the last success or change of `want`. */
  attempts: number
  /** Cause of the last failure; empty after success. */
  error: string
  /** Since when the status holds, ms since the epoch. */
  since: number
  /** Not to be tried before, ms since the epoch; 0 = at once. */
  nextTryAt: number
  /** Order of work: lower first. `core/tracker/priority.ts` says what the classes mean. */
  priority: number
  /** True once this peer has begun to pin it itself; only then may it be unpinned from IPFS. */
  owned: boolean
  /** Bytes held, where the backend told. */
  bytes?: number
}

/**
 * `pinning` and `unpinning` are true of a running process only: opening the store puts such records back into the queue,
 * with the try that was cut off counted in their attempts.
 */
export type TrackedStatus =
  | 'pin_queued'
  | 'pinning'
  | 'pinned'
  | 'pin_error'
  | 'unpin_queued'
  | 'unpinning'
  | 'unpin_error'
  | 'unexpectedly_unpinned'

/** What the tracker asks when it has room for more work. */
export interface WaitingQuery {
  /**
   * `pin`: records of status `pin_queued`, `pin_error` and `unexpectedly_unpinned`; `unpin`: `unpin_queued` and
   * `unpin_error`.
   */
  kind: 'pin' | 'unpin'
  /** Only records of this priority. */
  priority: number
  /** At most this many rows, 1 to 1,000. */
  limit: number
}

/** Work for the tracker: the record, and the pin when there is one to hold. */
export interface WaitingWork {
  record: LocalRecord
  pin?: Pin
}

/** The beginning or end of one try, or news about a record. Ignored unless `generation` is still the record's. */
export interface TrackedOutcome {
  cid: CID
  generation: number
  /** `gone`: the unpin is done and the record is to be deleted. */
  status: TrackedStatus | 'gone'
  attempts: number
  error: string
  since: number
  nextTryAt: number
  priority: number
  owned: boolean
  bytes?: number
}

/** Where a page ended; opaque, URL-safe text. Give it back to get the next page. */
export type Cursor = string

export interface Page<Row> {
  /** As many as asked for, or fewer, even none: a page that finds little ends early, and `next` tells whether more follow. */
  rows: Row[]
  /** Absent on the last page. */
  next?: Cursor
}

export interface PinQuery {
  /** At most this many rows, 1 to 1,000. */
  limit: number
  after?: Cursor
  /** Only these types; all when absent. */
  types?: PinType[]
  /**
   * `cid` when absent. `any` is for walks over everything: the order that is the cheapest to read. What comes during the
   * walk is in it or not; what is there all the time is in it once. A cursor is of one order.
   */
  order?: 'cid' | 'any'
}

export interface ExpiredQuery {
  /** Pins with an expiry up to then, inclusive; ms since the epoch. */
  before: number
  /** At most this many pins, 1 to 1,000. */
  limit: number
  /** The last pin of the page before. */
  after?: Pin
}

export interface LocalQuery {
  limit: number
  after?: Cursor
  /** Only these statuses, a sum of `statusBits`; 0 = all. */
  filter: StatusFilter
}

export type RequeueQuery =
  | { cid: CID; now: number }
  /** Looks at up to `limit` records, 1 to 1,000. */
  | { now: number; limit: number; after?: Cursor }

/** A pin with what this peer knows of it. A record without a pin is an unpin under way. */
export interface LocalRow {
  cid: CID
  pin?: Pin
  record?: LocalRecord
}

/** One row of the change log. */
export interface Change {
  sequence: number
  cid: CID
  /** `pinset`: the folded pin changed; `local`: the record of this peer changed. */
  kind: 'pinset' | 'local'
}

/** A change as it is told when it is committed. */
export interface CommittedChange extends Change {
  /** The queue that the record waits in since this change, if it does. */
  waits?: Pick<WaitingQuery, 'kind' | 'priority'>
}

export interface StoreCounts {
  pins: number
  /** Rows of `LocalRecord` by status. */
  local: Partial<Record<TrackedStatus, number>>
  blocks: number
  heads: number
}

/** One finding of `check`. */
export interface StoreFault {
  /** The table or structure at fault. */
  where: string
  /** The key, CID or position. */
  what: string
  /** What was found and what was expected. */
  problem: string
}

/**
 * Finds the records that something outside should have and has not: it is told of all that is there, then names the
 * others. Takes two bits of memory a row of the store at most, and writes nothing.
 */
export interface Census {
  /** IPFS has it pinned so. */
  saw(cid: CID, mode: 'recursive' | 'direct'): void
  /**
   * Records that say `pinned` and were not seen; a recursive pin is as good as a direct one. Looks at up to `limit`
   * records, 1 to 1,000: a page may be empty and still have a next one.
   */
  unseen(query: { limit: number; after?: Cursor }): Page<LocalRecord>
}

export interface Store extends AsyncDisposable {
  /** The peer whose duties are tracked. */
  readonly self: PeerIdText

  /**
   * Applies changes in order. Changes that come while a commit runs share the next delta and its one sync. Rejects with
   * `StoreClosedError`, `StoreFullError` (disk), `StoreFailedError`, `StoreBusyError` (more than the queue holds) or
   * `InvalidPinError` (a pin of more than 512 KiB); nothing of the call is then written. Only when the Worker dies in a
   * commit it is open whether the call of that commit was written.
   */
  write(changes: PinsetChange[]): Promise<Written>
  /**
   * Merges blocks of other peers, parents before children. Rejects with `BlockRefusedError` for a block whose parents are
   * not merged, or that is none of a pinset. A large request is merged in parts of 2 MiB; of a part all blocks are merged
   * or none, and the parts before one that failed stay merged.
   */
  merge(blocks: DagBlock[]): Promise<MergeOutcome>

  heads(): Head[]
  /** The bytes of a CRDT block that was merged. */
  block(cid: CID): Uint8Array | undefined
  hasBlock(cid: CID): boolean
  /** Blocks from the oldest (lowest priority) on. */
  blocks(query: { limit: number; after?: Cursor }): Page<DagBlock>

  /** The pin as later requests must see it: writes that wait for their commit count. */
  pin(cid: CID): Pin | undefined
  /** The pin as it is safe: writes that wait for their commit may fail yet and do not count. */
  storedPin(cid: CID): Pin | undefined
  /** Committed pins, in the byte order of their CIDs unless the query says otherwise. */
  pins(query: PinQuery): Page<Pin>
  /** Committed pins whose time has come, the earliest first; by index. */
  expired(query: ExpiredQuery): Pin[]
  /**
   * CIDs with live background elements of this peer whose source is dead, at most `limit` (1 to 1,000) of them: to be
   * withdrawn. By index, and true also after a restart.
   */
  orphans(limit: number): CID[]
  /**
   * True when the committed pin may be a copy that background work, of any peer, made of one that was unpinned: it is
   * about to be withdrawn, and a request for a pin like it must be written. A few other pins are taken for such ones.
   */
  mayBeWithdrawn(cid: CID): boolean

  local(cid: CID): LocalRecord | undefined
  /**
   * Pins and unpins under way with their records, in the byte order of their CIDs. A pin that is not this peer's to hold
   * has no record (`remote`, `sharded`) and passes a filter that has those bits.
   */
  localRows(query: LocalQuery): Page<LocalRow>
  /**
   * What waits, the smallest `nextTryAt` first, due or not, read without changing it; indexed, so that its cost does not
   * grow with the queue. The tracker itself knows what it works on already, and says so by recording `pinning` or
   * `unpinning` before it begins.
   */
  waiting(query: WaitingQuery): WaitingWork[]
  /** A new one, which has seen nothing. */
  census(): Census
  /**
   * Records beginnings and ends of tries. Resolves when durable, as a pin is only begun when `owned` is safe, with the
   * positions of those that were of an older generation and had no effect, rising.
   */
  record(outcomes: TrackedOutcome[]): Promise<number[]>
  /**
   * Makes failed and unexpectedly unpinned records due at once, with their attempts, error and generation kept: one
   * record, or a page of all. Returns those that it queued; a page may be empty and still have a next one.
   */
  requeue(query: RequeueQuery): Promise<Page<CID>>
  /**
   * Says which IPFS node the records are about. Another node than before makes every record unproven: `pin_queued`, not
   * owned, of a new generation; records that want `none` are deleted. Returns true when that happened.
   */
  bindIpfs(ipfsId: string): Promise<boolean>

  /** Change rows after `sequence`, oldest first. Throws `ChangesGoneError` when they were dropped already. */
  changes(after: number, limit: number): Change[]
  lastSequence(): number
  /** Calls back after each commit that added change rows. Returns the function that ends it. */
  onChange(listener: (changes: CommittedChange[]) => void): () => void

  counts(): StoreCounts
}
