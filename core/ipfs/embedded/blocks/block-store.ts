/**
 * The blocks of the embedded node, on disk. A block is checked against its CID on its way in and out. Blocks come in
 * through a `BlockWriter`; when its `finish` resolves they survive a loss of power. Blocks that many writers hand in at
 * the same time are written and synced together.
 *
 * Blocks are known by their multihash: a CIDv0 and a CIDv1 of the same bytes are one block.
 */
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { Clock, Logger, Runtime } from '../../../runtime/ports.ts'
import { syncFolder } from '../../../runtime/sync-folder.ts'
import { isDagPbLeaf } from '../dag/node-links.ts'
import { BlockTooLargeError, StorageFullError } from '../errors.ts'
import { BlockFiles } from './block-files.ts'
import { inlineBlock, isBlockOf } from './block-hash.ts'
import { BlockIndex } from './block-index.ts'
import { type BlockPlace, type BlockSink, BlockWriter, type WriteWaiter } from './block-writer.ts'
import { lockFolder } from './folder-lock.ts'
import type { IdSet } from './id-set.ts'
import type { BlockRow, FreshSince, NewBlock } from './index-changes.ts'
import { recoverIndex } from './index-recovery.ts'
import { countOpening } from './openings.ts'
import { StorageRoom } from './storage-room.ts'

/** The largest block that is taken, bytes: what a bitswap message can carry. */
export const maxBlockSize = 4 * 1024 * 1024
/** Blocks up to this size, bytes, live in the index: a file each would cost more than it holds. */
const maxSmallSize = 16 * 1024
/** What may wait to be written before writers have to wait, bytes and blocks. */
const maxWaitingBytes = 32 * 1024 * 1024
const maxWaitingBlocks = 2_048
/** What one commit takes. */
const maxBatchBytes = 16 * 1024 * 1024
const maxBatchBlocks = 512

export interface BlockStoreInit {
  folder: string
  /** Bytes of blocks; 0 = what the disk has room for. */
  maxBytes: number
  runtime: Runtime
  /** Told of blocks once they are stored. */
  onStored?(cids: CID[]): void
  /** Told when a stored block was found missing or damaged, and all pins are in doubt. */
  onLost?(): void
  /** Asked to remove what is not needed when a block does not fit. */
  makeRoom?(): Promise<void>
}

interface Waiting extends BlockPlace {
  cid: CID
  key: string
  bytes: Uint8Array
  waiters: Set<WriteWaiter>
}

export class BlockStore implements BlockSink, AsyncDisposable {
  readonly index: BlockIndex
  readonly #files: BlockFiles
  readonly #room: StorageRoom
  readonly #init: BlockStoreInit
  readonly #lock: Disposable
  readonly #clock: Clock
  readonly #logger: Logger
  /** By multihash, in the order in which they came; the blocks of the batch under way are still in it. */
  readonly #waiting = new Map<string, Waiting>()
  /** Present blocks whose freshness is to be set with the next commit. */
  readonly #refreshed = new Map<number, FreshSince>()
  /** Rows whose removal is under way: they are here no more. */
  readonly #removing = new Set<number>()
  #waitingBytes = 0
  #nextId: number
  #flushing: Promise<void> | undefined
  #roomFor = Promise.withResolvers<void>()
  /** While a garbage collection runs: what it must keep. */
  #kept: IdSet | undefined

  private constructor(
    parts: { index: BlockIndex; files: BlockFiles; room: StorageRoom; lock: Disposable },
    init: BlockStoreInit,
  ) {
    this.index = parts.index
    this.#files = parts.files
    this.#room = parts.room
    this.#lock = parts.lock
    this.#init = init
    this.#clock = init.runtime.clock
    this.#logger = init.runtime.logger
    this.#nextId = parts.index.nextId
  }

  /** Rejects with `RepositoryError`, or with what the file system says. */
  static async open(init: BlockStoreInit): Promise<BlockStore> {
    const { folder } = init
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await using opened = new AsyncDisposableStack()
    const lock = opened.use(lockFolder(folder))
    const index = opened.use(await BlockIndex.open(join(folder, 'index.db')))
    const files = new BlockFiles(join(folder, 'files'))
    await files.open(index.nextId)
    await recoverIndex({ folder, index, files, runtime: init.runtime, mostCutOff: maxBatchBlocks })
    await countOpening(folder, index)
    await syncFolder(folder)
    await syncFolder(dirname(folder))
    const room = new StorageRoom(folder, init.maxBytes)
    await room.refresh()
    const store = new BlockStore({ index, files, room, lock }, init)
    await store.emptyTrash()
    opened.move()
    return store
  }

  /** Above the ids of all blocks that are here. */
  get nextId(): number {
    return this.#nextId
  }

  /** Bytes of the blocks. */
  get size(): number {
    return this.index.bytes + this.#waitingBytes
  }

  /** Bytes that the blocks may take, as of now. */
  async capacity(): Promise<number> {
    await this.#room.refresh()
    return this.#room.limit(this.size)
  }

  has(cid: CID): boolean {
    return inlineBlock(cid) !== undefined || this.locate(cid) !== undefined
  }

  /** Undefined for blocks that are not here, and for those that are inside of their CID. */
  locate(cid: CID): BlockPlace | undefined {
    return this.#waiting.get(keyOf(cid)) ?? this.#find(cid)
  }

  /** Undefined when the block is not here. One whose bytes have gone bad is dropped, so that it can be fetched again. */
  async get(cid: CID): Promise<Uint8Array | undefined> {
    const inline = inlineBlock(cid) ?? this.#waiting.get(keyOf(cid))?.bytes
    if (inline !== undefined) return inline
    const row = this.#find(cid)
    if (row === undefined) return undefined
    const bytes = row.inFile ? await this.#files.read(row) : this.index.small(row.id)
    if (bytes !== undefined && isBlockOf(cid, bytes)) return plain(bytes)
    // Gone meanwhile, by garbage collection?
    if (this.#find(cid)?.id !== row.id) return undefined
    this.#logger.error(
      'a stored block is damaged and was dropped; the pins that hold it are looked for and fetched again',
      {
        cid: cid.toString(),
        problem: bytes === undefined ? 'its file is missing' : 'its bytes do not match its hash',
      },
    )
    await this.#remove([row], 'lost')
    this.#init.onLost?.()
    return undefined
  }

  /** `fresh`: what is put is to be safe from garbage collection for a while, without a pin. */
  writer({ fresh }: { fresh: boolean }): BlockWriter {
    return new BlockWriter(this, () => (fresh ? this.#clock.now() : 0))
  }

  /** Takes away the protection that blocks got when they were put: a pin holds them now. */
  async settle(ids: Iterable<number>): Promise<void> {
    const rows: { id: number; fresh: FreshSince }[] = []
    for (const id of ids) {
      this.#refreshed.delete(id)
      rows.push({ id, fresh: 0 })
      if (rows.length === maxBatchBlocks) await this.index.commit({ kind: 'refresh', rows: rows.splice(0) })
    }
    if (rows.length > 0) await this.index.commit({ kind: 'refresh', rows })
  }

  /** From now on everything that a writer puts or meets is added to `kept`, and `sweep` spares it. */
  beginCollection(kept: IdSet): void {
    this.#kept = kept
  }

  endCollection(): void {
    this.#kept = undefined
  }

  /**
   * Removes rows, unless they are kept or are being put again. Resolves with those removed, when that is durable and
   * their files are gone.
   */
  async sweep(rows: readonly BlockRow[]): Promise<BlockRow[]> {
    const removable = rows.filter((row) => !this.#kept?.has(row.id) && !this.#refreshed.has(row.id))
    if (removable.length === 0) return []
    await this.#remove(removable, 'remove')
    await this.emptyTrash()
    return removable
  }

  /** Removes the files of removed blocks: their rows are gone for good. */
  async emptyTrash(): Promise<void> {
    for (;;) {
      const trash = this.index.trash(maxBatchBlocks)
      if (trash.length === 0) return
      await this.#files.remove(trash)
      await this.index.commit({ kind: 'emptied', ids: trash.map(({ id }) => id) })
    }
  }

  async accept(cid: CID, bytes: Uint8Array, fresh: FreshSince, waiter: WriteWaiter): Promise<void> {
    if (bytes.length > maxBlockSize) throw new BlockTooLargeError(cid, bytes.length, maxBlockSize)
    if (inlineBlock(cid) !== undefined || this.meet(cid, fresh, waiter) !== undefined) return
    if (!this.#fits(bytes.length)) {
      await this.#makeRoom(bytes.length)
      if (this.meet(cid, fresh, waiter) !== undefined) return
    }
    const id = this.#nextId++
    const key = keyOf(cid)
    const block = { id, cid, key, bytes, size: bytes.length, leaf: isDagPbLeaf(bytes), fresh }
    this.#waiting.set(key, { ...block, waiters: new Set([waiter]) })
    this.#waitingBytes += bytes.length
    this.#kept?.add(id)
    waiter.waits()
    this.#flushing ??= this.#flush()
    while (this.#waitingBytes > maxWaitingBytes || this.#waiting.size > maxWaitingBlocks)
      await this.#roomFor.promise
  }

  meet(cid: CID, fresh: FreshSince, waiter: WriteWaiter): BlockPlace | undefined {
    const waiting = this.#waiting.get(keyOf(cid))
    if (waiting !== undefined) {
      this.#kept?.add(waiting.id)
      if (!waiting.waiters.has(waiter)) {
        waiting.waiters.add(waiter)
        waiter.waits()
      }
      waiting.fresh = Math.max(waiting.fresh, fresh)
      return waiting
    }
    const row = this.#find(cid)
    if (row === undefined) return undefined
    this.#kept?.add(row.id)
    if (fresh > 0) this.#refreshed.set(row.id, fresh)
    return row
  }

  async sync(): Promise<void> {
    const rows = [...this.#refreshed].map(([id, fresh]) => ({ id, fresh }))
    if (rows.length === 0) return
    await this.index.commit({ kind: 'refresh', rows })
    // Until then they are spared for being in the map; one that was put yet again stays in it.
    for (const { id, fresh } of rows) if (this.#refreshed.get(id) === fresh) this.#refreshed.delete(id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flushing
    await this.sync()
    await countOpening(this.#init.folder, this.index).catch((error) =>
      this.#logger.warn('the index of the blocks could not be closed well', { error: String(error) }),
    )
    await this.index[Symbol.asyncDispose]()
    this.#lock[Symbol.dispose]()
  }

  #find(cid: CID): BlockRow | undefined {
    const row = this.index.find(cid.multihash.bytes)
    return row !== undefined && this.#removing.has(row.id) ? undefined : row
  }

  async #remove(rows: BlockRow[], kind: 'remove' | 'lost'): Promise<void> {
    for (const { id } of rows) this.#removing.add(id)
    try {
      await this.index.commit({ kind, rows })
    } finally {
      for (const { id } of rows) this.#removing.delete(id)
    }
  }

  #fits(bytes: number): boolean {
    return this.size + bytes <= this.#room.limit(this.size)
  }

  /** Rejects with `StorageFullError`. */
  async #makeRoom(bytes: number): Promise<void> {
    await this.#room.refresh()
    if (this.#fits(bytes)) return
    await this.#init.makeRoom?.()
    await this.#room.refresh()
    if (!this.#fits(bytes)) throw new StorageFullError(this.#room.reason(this.size))
  }

  async #flush(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = this.#nextBatch()
      const failure = await this.#write(batch).then(
        () => undefined,
        (error) => this.#toFailure(error, batch.length),
      )
      for (const block of batch) {
        this.#waiting.delete(block.key)
        this.#waitingBytes -= block.size
        for (const waiter of block.waiters) waiter.written(failure)
      }
      this.#roomFor.resolve()
      this.#roomFor = Promise.withResolvers()
      if (failure === undefined) this.#init.onStored?.(batch.map(({ cid }) => cid))
    }
    this.#flushing = undefined
  }

  #toFailure(error: unknown, blocks: number): unknown {
    this.#logger.error('blocks could not be written', { blocks, error: String(error) })
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'ENOSPC' && code !== 'EDQUOT') return error
    return new StorageFullError(this.#room.reason(this.size), { cause: error })
  }

  #nextBatch(): Waiting[] {
    const batch: Waiting[] = []
    let bytes = 0
    for (const block of this.#waiting.values()) {
      batch.push(block)
      bytes += block.size
      if (bytes >= maxBatchBytes || batch.length === maxBatchBlocks) break
    }
    return batch
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const inFiles = batch.filter(({ size }) => size > maxSmallSize)
    const files = inFiles.map(({ id, cid, bytes }) => ({ id, multihash: cid.multihash.bytes, bytes }))
    await this.#files.write(files)
    await this.index.commit({ kind: 'add', blocks: batch.map(newBlock) }).catch(async (error) => {
      await this.#files.remove(files)
      throw error
    })
    await this.#room.took(batch.reduce((sum, { size }) => sum + size, 0))
  }
}

function newBlock({ id, cid, size, leaf, fresh, bytes }: Waiting): NewBlock {
  const inFile = size > maxSmallSize
  const row = { id, multihash: cid.multihash.bytes, codec: cid.code, size, leaf, inFile, fresh }
  return inFile ? row : { ...row, bytes }
}

function keyOf(cid: CID): string {
  const { bytes } = cid.multihash
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

/** A view without the methods of Node's Buffer, which compares and prints differently. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength)
}
