/** The rows of the index of blocks and pins, and the changes that are made to them. They cross to a Worker as they are. */

/** Milliseconds since the epoch at which a block was put without a pin, and 0 for all others. See `collection.ts`. */
export type FreshSince = number

export interface BlockRow {
  /** Never used again, and growing: a block that came later has a larger one. */
  id: number
  multihash: Uint8Array
  /** Multicodec code of the CID that it came with. */
  codec: number
  size: number
  /** Read as dag-pb it has no links. */
  leaf: boolean
  /** The bytes are in a file; otherwise in the index. */
  inFile: boolean
  fresh: FreshSince
}

export interface NewBlock extends BlockRow {
  /** For a block that is not in a file. */
  bytes?: Uint8Array
}

export interface PinRow {
  /** Bytes of the CID. */
  cid: Uint8Array
  mode: 'recursive' | 'direct'
  blocks: number
  bytes: number
  /** The doubt (`IndexCounters.doubt`) as of which all blocks of this pin were last seen here. */
  proven: number
  flaw: PinFlaw
}

/** `suspect`: all its blocks are to be read again. `incomplete`: it was found to lack a block. */
export type PinFlaw = 'none' | 'suspect' | 'incomplete'

/** The index stores the position of a flaw in this list. */
export const pinFlaws: readonly PinFlaw[] = ['none', 'suspect', 'incomplete']

/** A file that no row names any more. */
export interface TrashRow {
  id: number
  multihash: Uint8Array
}

export type IndexChange =
  | { kind: 'add'; blocks: NewBlock[] }
  | { kind: 'refresh'; rows: { id: number; fresh: FreshSince }[] }
  /** Blocks in files become trash, to be removed with `emptied` when the files are gone. */
  | { kind: 'remove'; rows: BlockRow[] }
  /** These blocks are missing or damaged: as `remove`, and all pins are in doubt from then on. */
  | { kind: 'lost'; rows: BlockRow[] }
  | { kind: 'emptied'; ids: number[] }
  /** One that was gathered before the newest doubt is suspect. */
  | { kind: 'pin'; pin: Omit<PinRow, 'flaw'> }
  /** What is known of a pin that is there. */
  | { kind: 'flaw'; cid: Uint8Array; flaw: PinFlaw; proven: number }
  /** All pins without a flaw are whole, as of that doubt. */
  | { kind: 'proven'; doubt: number }
  /** The index is of another time than the files: it counts as another one, and all pins are in doubt. */
  | { kind: 'renew' }
  /** Ids below this one are not to be used. */
  | { kind: 'reserve'; nextId: number }
  | { kind: 'opened'; openings: number }
  | { kind: 'unpin'; cid: Uint8Array }
  /** `at`: ms since the epoch. */
  | { kind: 'announced'; cid: Uint8Array; at: number }
  /** Gives up to so many unused pages of the file back to the disk. */
  | { kind: 'shrink'; pages: number }

export interface IndexCounters {
  /** Of all blocks. */
  bytes: number
  blocks: number
  /** Ids from this one on were never used. */
  nextId: number
  /** Pages of the file that hold nothing. */
  unusedPages: number
  /** Rises each time that a stored block is found missing or damaged: what was proven before may hold no more. */
  doubt: number
  /** The doubt as of which all pins without a flaw are whole. */
  proven: number
  /** Some pin has a flaw. */
  hasFlaws: boolean
  /** Names this index: one that is made again, or comes from a backup, has another name. 0 = it never had one. */
  repository: number
  /** Rises each time that the index is opened or closed. */
  openings: number
}

export type ToIndexWorker = { id: number } & (
  | { kind: 'open'; file: string }
  | { kind: 'commit'; changes: IndexChange[] }
  | { kind: 'close' }
)

/** `full`: no room to write. `unusable`: the file cannot be opened as it is. */
export interface IndexFailure {
  kind: 'full' | 'unusable' | 'failed'
  message: string
}

export type FromIndexWorker = { id: number } & ({ counters: IndexCounters } | { failure: IndexFailure })
