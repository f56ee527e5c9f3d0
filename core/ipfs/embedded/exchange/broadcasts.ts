/**
 * Wants that all connected peers are told of, one for each block however many wait for it. @helia/bitswap keeps one entry
 * for a block too, but drops it for all as soon as one of those who wait gives up, and for a moment after that takes no
 * new one. It also never repeats a want, and a peer may have lost it.
 */
import type { CID } from 'multiformats/cid'
import type { Bitswap } from '../../../network/bitswap.ts'
import { pause } from '../../../runtime/pause.ts'
import type { Scheduler } from '../../../runtime/ports.ts'
import { LinkedAbort } from '../../kubo/linked-abort.ts'
import { SharedTask } from './shared-task.ts'

export interface Broadcasted {
  bytes: Uint8Array
  /** Peer ID of who sent it, where it is known. */
  from: string | undefined
}

/** ms after which peers are told again. */
const repeatInterval = 30_000
/** ms that bitswap may take to drop a want that was given up. */
const settleTime = 100

export class Broadcasts {
  readonly #bitswap: Bitswap
  readonly #scheduler: Scheduler
  readonly #wants = new Map<string, SharedTask<Broadcasted>>()
  /** Wants that were given up just now. */
  readonly #settling = new Map<string, Promise<void>>()

  constructor(bitswap: Bitswap, scheduler: Scheduler) {
    this.#bitswap = bitswap
    this.#scheduler = scheduler
  }

  /** Waits for the block until the signal fires. */
  fetch(cid: CID, signal: AbortSignal): Promise<Broadcasted> {
    const key = Buffer.from(cid.multihash.bytes).toString('latin1')
    let want = this.#wants.get(key)
    if (want === undefined) {
      want = new SharedTask(
        (end) => this.#want(key, cid, end),
        () => this.#drop(key),
      )
      this.#wants.set(key, want)
    }
    return want.join(signal)
  }

  async #want(key: string, cid: CID, signal: AbortSignal): Promise<Broadcasted> {
    for (;;) {
      await this.#settling.get(key)
      using round = new LinkedAbort(signal)
      const timer = this.#scheduler.after(repeatInterval, () => round.abort(new Error('told again')))
      try {
        return await this.#bitswap.fetchFromAll(cid, round.signal)
      } catch {
        signal.throwIfAborted()
        this.#settle(key)
      } finally {
        timer.cancel()
      }
    }
  }

  #drop(key: string): void {
    this.#wants.delete(key)
    this.#settle(key)
  }

  #settle(key: string): void {
    const settled = pause(this.#scheduler, settleTime).then(() => {
      if (this.#settling.get(key) === settled) this.#settling.delete(key)
    })
    this.#settling.set(key, settled)
  }
}
