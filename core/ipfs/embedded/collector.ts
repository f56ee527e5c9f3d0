/** Runs garbage collections one after the other: when somebody asks for one, and when a block does not fit any more. */
import type { IpfsGcRow } from '../../runtime/ipfs.ts'
import type { Runtime } from '../../runtime/ports.ts'
import type { BlockStore } from './blocks/block-store.ts'
import { collect } from './collection.ts'
import type { Pinner } from './pinner.ts'
import type { WriteCalls } from './write-calls.ts'

export interface CollectorInit {
  store: BlockStore
  pinner: Pinner
  writes: WriteCalls
  runtime: Runtime
}

/** ms between two collections that make room: what none of them could remove stays. */
const roomInterval = 10 * 60_000

export class Collector implements AsyncDisposable {
  readonly #init: CollectorInit
  /** Settles when the last one that was asked for has ended. */
  #last: Promise<void> = Promise.resolve()
  #running = 0
  #makingRoom: Promise<void> | undefined
  #madeRoomAt = Number.NEGATIVE_INFINITY
  readonly #closing = new AbortController()

  constructor(init: CollectorInit) {
    this.#init = init
  }

  /** Waits for those before it. Rejects with the reason of the signal. */
  async *run(signal: AbortSignal): AsyncGenerator<IpfsGcRow> {
    const { store, pinner, writes } = this.#init
    const before = this.#last
    const ended = Promise.withResolvers<void>()
    this.#last = before.then(() => ended.promise)
    this.#running++
    try {
      await before
      signal.throwIfAborted()
      yield* collect({ store, running: pinner.running, keepSince: writes.keepSince(), signal })
    } finally {
      this.#running--
      ended.resolve()
    }
  }

  /** Removes what nothing needs, unless that was tried not long ago or is under way. */
  makeRoom(): Promise<void> {
    const now = this.#init.runtime.clock.monotonic()
    if (this.#makingRoom === undefined && this.#running === 0 && now - this.#madeRoomAt > roomInterval) {
      this.#madeRoomAt = now
      this.#makingRoom = this.#collectAll().finally(() => {
        this.#makingRoom = undefined
      })
    }
    return this.#makingRoom ?? Promise.resolve()
  }

  /** Ends what makes room; those who asked for a collection have a signal of their own. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the embedded IPFS node was closed'))
    await this.#makingRoom
  }

  async #collectAll(): Promise<void> {
    const { logger } = this.#init.runtime
    logger.info('the block store is full: garbage is collected')
    let removed = 0
    try {
      for await (const { error } of this.run(this.#closing.signal)) {
        if (error === undefined) removed++
        else logger.warn('the garbage collection found a problem', { error })
      }
    } catch (error) {
      logger.warn('the garbage collection failed', { error: String(error) })
    }
    logger.info('the garbage collection has ended', { removed })
  }
}
