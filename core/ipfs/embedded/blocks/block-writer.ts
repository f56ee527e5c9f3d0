/** Puts blocks that belong together: those of one add, one pin, one fetch. */
import type { CID } from 'multiformats/cid'
import { WrongBlockError } from '../errors.ts'
import { assertCheckable, isBlockOf } from './block-hash.ts'
import type { FreshSince } from './index-changes.ts'

/** Where a block is, as far as a walk through a DAG needs to know. */
export interface BlockPlace {
  id: number
  size: number
  /** Read as dag-pb it has no links. */
  leaf: boolean
  fresh: FreshSince
}

/** What a writer puts into. */
export interface BlockSink {
  /** Takes a block that was checked. Resolves when there is room for more. */
  accept(cid: CID, bytes: Uint8Array, fresh: FreshSince, waiter: WriteWaiter): Promise<void>
  /** The place of a block that is here already; the waiter is told when it is on disk, if it is not yet. */
  meet(cid: CID, fresh: FreshSince, waiter: WriteWaiter): BlockPlace | undefined
  /** Makes durable what `meet` has changed. */
  sync(): Promise<void>
}

/** Is told of each block that it waits for. */
export interface WriteWaiter {
  waits(): void
  /** `failure` is undefined when the block is on disk. */
  written(failure: unknown): void
}

export class BlockWriter {
  readonly #sink: BlockSink
  readonly #fresh: () => FreshSince
  readonly #waiter: WriteWaiter
  #outstanding = 0
  #failure: unknown
  #idle = Promise.withResolvers<void>()

  constructor(sink: BlockSink, fresh: () => FreshSince) {
    this.#sink = sink
    this.#fresh = fresh
    this.#waiter = { waits: () => this.#outstanding++, written: (failure) => this.#written(failure) }
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
    await this.#sink.accept(cid, bytes, this.#fresh(), this.#waiter)
  }

  /** Undefined when the block is not here. Otherwise `finish` speaks for it too. */
  meet(cid: CID): BlockPlace | undefined {
    return this.#sink.meet(cid, this.#fresh(), this.#waiter)
  }

  /** Resolves when all that was put or met is on disk for good. Rejects when a block could not be written. */
  async finish(): Promise<void> {
    while (this.#outstanding > 0) await this.#idle.promise
    if (this.#failure !== undefined) throw this.#failure
    await this.#sink.sync()
  }

  #written(failure: unknown): void {
    this.#failure ??= failure
    if (--this.#outstanding > 0) return
    this.#idle.resolve()
    this.#idle = Promise.withResolvers()
  }
}
