/**
 * The blocks of the embedded node, on disk. A block is checked against its CID on its way in and out. Blocks come in
 * through a `BlockWriter`; when `finish` resolves they survive a loss of power. Blocks that many writers hand in at the
 * same time are written and synced together.
 *
 * Blocks are known by their multihash: a CIDv0 and a CIDv1 of the same bytes are one block.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { Clock, Logger, Runtime } from '../../../runtime/ports.ts'
import { isDagPbLeaf } from '../dag/node-links.ts'
import { BlockTooLargeError, StorageFullError, WrongBlockError } from '../errors.ts'
import { BlockFiles, syncFolder } from './block-files.ts'
import { assertCheckable, inlineBlock, isBlockOf } from './block-hash.ts'
import { BlockIndex, type BlockRow, type FreshSince, type NewBlock } from './block-index.ts'
import type { IdSet } from './id-set.ts'
import { StorageRoom } from './storage-room.ts'

/** The largest block that is taken, bytes: what a bitswap message can carry. */
export const maxBlockSize = 4 * 1024 * 1024
/** Blocks up to this size, bytes, live in the index: a file each would cost more than it holds. */
const maxSmallSize = 16 * 1024
/** What may wait to be written before writers have to wait, bytes and blocks. */
const maxWaitingBytes = 32 * 1024 * 1024
const maxWaitingBlocks = 4_096
/** What one commit takes. */
const maxBatchBytes = 16 * 1024 * 1024
const maxBatchBlocks = 1_024
/** Bytes written between two looks at the room on the disk. */
const roomCheckBytes = 64 * 1024 * 1024

/** Where a block is, as far as a walk through a DAG needs to know. */
export interface BlockPlace {
  id: number
  size: number
  /** Read as dag-pb it has no links. */
  leaf: boolean
  fresh: FreshSince
}

export interface BlockStoreInit {
  folder: string
  /** Bytes of blocks; 0 = what the disk has room for. */
  maxBytes: number
  runtime: Runtime
  /** Told of blocks once they are stored. */
  onStored?(cids: CID[]): void
}

interface Waiting extends BlockPlace {
  cid: CID
  key: string
  bytes: Uint8Array
  writers: Set<BlockWriter>
}

export class BlockStore implements AsyncDisposable {
  readonly index: BlockIndex
  readonly #files: BlockFiles
  readonly #room: StorageRoom
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #onStored: (cids: CID[]) => void
  /** By multihash, in the order in which they came; the blocks of the batch under way are still in it. */
  readonly #waiting = new Map<string, Waiting>()
  /** Present blocks whose freshness is to be set with the next commit. */
  readonly #refreshed = new Map<number, FreshSince>()
  #waitingBytes = 0
  #nextId: number
  #flushing: Promise<void> | undefined
  #roomFor = Promise.withResolvers<void>()
  #unchecked = 0
  /** While a garbage collection runs: what it must keep. */
  #kept: IdSet | undefined

  private constructor(index: BlockIndex, files: BlockFiles, room: StorageRoom, init: BlockStoreInit) {
    this.index = index
    this.#files = files
    this.#room = room
    this.#clock = init.runtime.clock
    this.#logger = init.runtime.logger
    this.#onStored = init.onStored ?? (() => undefined)
    this.#nextId = index.nextId
  }

  /** Throws `RepositoryError`. */
  static async open(init: BlockStoreInit): Promise<BlockStore> {
    await mkdir(init.folder, { recursive: true, mode: 0o700 })
    const index = BlockIndex.open(join(init.folder, 'index.db'))
    try {
      const files = new BlockFiles(join(init.folder, 'files'))
      await files.open(index.nextId)
      await syncFolder(init.folder)
      const room = new StorageRoom(init.folder, init.maxBytes)
      await room.refresh()
      const store = new BlockStore(index, files, room, init)
      await store.emptyTrash()
      return store
    } catch (error) {
      index[Symbol.dispose]()
      throw error
    }
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
    return this.#waiting.get(keyOf(cid)) ?? this.index.find(cid.multihash.bytes)
  }

  /** Undefined when the block is not here. One whose bytes have gone bad is dropped, so that it can be fetched again. */
  async get(cid: CID): Promise<Uint8Array | undefined> {
    const inline = inlineBlock(cid) ?? this.#waiting.get(keyOf(cid))?.bytes
    if (inline !== undefined) return inline
    const row = this.index.find(cid.multihash.bytes)
    if (row === undefined) return undefined
    const bytes = row.inFile ? await this.#files.read(row) : this.index.small(row.id)
    if (bytes !== undefined && isBlockOf(cid, bytes)) return plain(bytes)
    // Gone meanwhile, by garbage collection?
    if (this.index.find(row.multihash)?.id !== row.id) return undefined
    this.#logger.error('a stored block is damaged and was dropped; it is fetched again when asked for', {
      cid: cid.toString(),
      problem: bytes === undefined ? 'its file is missing' : 'its bytes do not match its hash',
    })
    this.index.remove([row])
    return undefined
  }

  /** `fresh`: what is put is to be safe from garbage collection for a while, without a pin. */
  writer({ fresh }: { fresh: boolean }): BlockWriter {
    return new BlockWriter(this, () => (fresh ? this.#clock.now() : 0))
  }

  /** Takes away the protection that blocks got when they were put: a pin holds them now. */
  settle(ids: Iterable<number>): void {
    let batch: { id: number; fresh: FreshSince }[] = []
    for (const id of ids) {
      this.#refreshed.delete(id)
      batch.push({ id, fresh: 0 })
      if (batch.length === maxBatchBlocks) {
        this.index.add([], batch)
        batch = []
      }
    }
    if (batch.length > 0) this.index.add([], batch)
  }

  /** From now on everything that a writer puts or meets is added to `kept`, and `sweep` spares it. */
  beginCollection(kept: IdSet): void {
    this.#kept = kept
  }

  endCollection(): void {
    this.#kept = undefined
  }

  /**
   * Removes rows, unless they are kept or were put again since they were read. Resolves with those removed, when that
   * is durable and their files are gone.
   */
  async sweep(rows: readonly BlockRow[]): Promise<BlockRow[]> {
    const removable = rows.filter((row) => !this.#kept?.has(row.id) && !this.#refreshed.has(row.id))
    if (removable.length === 0) return []
    this.index.remove(removable)
    await this.emptyTrash()
    return removable
  }

  /** Removes the files of removed blocks. Their rows must be gone for good before their files are. */
  async emptyTrash(): Promise<void> {
    for (;;) {
      const trash = this.index.trash(maxBatchBlocks)
      if (trash.length === 0) return
      await this.index.sync()
      await this.#files.remove(trash)
      this.index.emptied(trash)
    }
  }

  /** For `BlockWriter`. Resolves when there is room for more. */
  async accept(cid: CID, bytes: Uint8Array, fresh: FreshSince, writer: BlockWriter): Promise<void> {
    if (inlineBlock(cid) !== undefined || this.meet(cid, fresh, writer) !== undefined) return
    if (bytes.length > maxBlockSize) throw new BlockTooLargeError(cid, bytes.length, maxBlockSize)
    if (this.size + bytes.length > this.#room.limit(this.size)) {
      await this.#room.refresh()
      if (this.size + bytes.length > this.#room.limit(this.size)) {
        throw new StorageFullError(this.#room.reason(this.size))
      }
      if (this.meet(cid, fresh, writer) !== undefined) return
    }
    const id = this.#nextId++
    const key = keyOf(cid)
    const writers = new Set([writer])
    this.#waiting.set(key, {
      id,
      cid,
      key,
      bytes,
      size: bytes.length,
      leaf: isDagPbLeaf(bytes),
      fresh,
      writers,
    })
    this.#waitingBytes += bytes.length
    this.#kept?.add(id)
    writer.waits()
    this.#flushing ??= this.#flush()
    while (this.#waitingBytes > maxWaitingBytes || this.#waiting.size > maxWaitingBlocks)
      await this.#roomFor.promise
  }

  /** For `BlockWriter`: the place of a block that is here already, which from now on is the writer's concern too. */
  meet(cid: CID, fresh: FreshSince, writer: BlockWriter): BlockPlace | undefined {
    const waiting = this.#waiting.get(keyOf(cid))
    if (waiting !== undefined) {
      this.#kept?.add(waiting.id)
      if (!waiting.writers.has(writer)) {
        waiting.writers.add(writer)
        writer.waits()
      }
      waiting.fresh = Math.max(waiting.fresh, fresh)
      return waiting
    }
    const row = this.index.find(cid.multihash.bytes)
    if (row === undefined) return undefined
    this.#kept?.add(row.id)
    if (fresh > 0) this.#refreshed.set(row.id, fresh)
    return row
  }

  /** For `BlockWriter`: makes all that was committed durable, with the refreshed freshness. */
  async sync(): Promise<void> {
    this.#commitRefreshed([])
    await this.index.sync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#flushing
    this.#commitRefreshed([])
    this.index[Symbol.dispose]()
  }

  async #flush(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = this.#nextBatch()
      let failure: unknown
      try {
        await this.#write(batch)
      } catch (error) {
        failure = isDiskFull(error)
          ? new StorageFullError(this.#room.reason(this.size), { cause: error })
          : error
        this.#logger.error('blocks could not be written', { blocks: batch.length, error: String(failure) })
      }
      for (const block of batch) {
        this.#waiting.delete(block.key)
        this.#waitingBytes -= block.size
        for (const writer of block.writers) writer.written(failure)
      }
      this.#roomFor.resolve()
      this.#roomFor = Promise.withResolvers()
      if (failure === undefined) this.#onStored(batch.map(({ cid }) => cid))
    }
    this.#flushing = undefined
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
    if (inFiles.length > 0) {
      await this.#files.write(
        inFiles.map(({ id, cid, bytes }) => ({ id, multihash: cid.multihash.bytes, bytes })),
      )
    }
    this.#commitRefreshed(batch.map(newBlock))
    const bytes = batch.reduce((sum, { size }) => sum + size, 0)
    this.#room.took(bytes)
    this.#unchecked += bytes
    if (this.#unchecked > roomCheckBytes) {
      this.#unchecked = 0
      await this.#room.refresh()
    }
  }

  #commitRefreshed(blocks: NewBlock[]): void {
    if (blocks.length === 0 && this.#refreshed.size === 0) return
    this.index.add(
      blocks,
      [...this.#refreshed].map(([id, fresh]) => ({ id, fresh })),
    )
    this.#refreshed.clear()
  }
}

/** Blocks that belong together: those of one add, one pin, one fetch. */
export class BlockWriter {
  readonly #store: BlockStore
  readonly #fresh: () => FreshSince
  #outstanding = 0
  #failure: unknown
  #idle = Promise.withResolvers<void>()

  constructor(store: BlockStore, fresh: () => FreshSince) {
    this.#store = store
    this.#fresh = fresh
  }

  /**
   * Takes a block; resolves, perhaps long before it is written, when there is room for another. `from` is named when
   * the bytes are not those of the CID. Rejects with `WrongBlockError`, `UnsupportedHashError`, `BlockTooLargeError`,
   * `StorageFullError`, or what made an earlier block of this writer fail.
   */
  async put(cid: CID, bytes: Uint8Array, from: string): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    assertCheckable(cid)
    if (!isBlockOf(cid, bytes)) throw new WrongBlockError(cid, from)
    await this.#store.accept(cid, bytes, this.#fresh(), this)
  }

  /** Undefined when the block is not here. Otherwise `finish` speaks for it too. */
  meet(cid: CID): BlockPlace | undefined {
    return this.#store.meet(cid, this.#fresh(), this)
  }

  /** Resolves when all that was put or met is on disk for good. Rejects when a block could not be written. */
  async finish(): Promise<void> {
    while (this.#outstanding > 0) await this.#idle.promise
    if (this.#failure !== undefined) throw this.#failure
    await this.#store.sync()
  }

  /** For `BlockStore`. */
  waits(): void {
    this.#outstanding++
  }

  /** For `BlockStore`. */
  written(failure: unknown): void {
    this.#failure ??= failure
    if (--this.#outstanding > 0) return
    this.#idle.resolve()
    this.#idle = Promise.withResolvers()
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

function isDiskFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL'
}
