/**
 * Keeps blocks that were just written out of the way of garbage collection: `repo/gc` removes what no pin holds, and
 * `block/put` pins nothing. A collection waits for the writes under way and for a grace after the last one, in which the pin
 * is made; new writes wait for the collection, as `ipfs add` does.
 */
import type { Runtime, Timer } from '../../runtime/ports.ts'

export class GcGuard {
  readonly #runtime: Runtime
  readonly #grace: number
  #writes = 0
  #collections = 0
  #lastWrite = Number.NEGATIVE_INFINITY
  #waiting = new Set<() => void>()

  /** `grace` in ms. */
  constructor(runtime: Runtime, grace: number) {
    this.#runtime = runtime
    this.#grace = grace
  }

  /** Resolves when no collection runs or waits. Rejects with the reason of `signal`. */
  async write(signal: AbortSignal): Promise<Disposable> {
    while (this.#collections > 0) await this.#change(signal)
    this.#writes++
    return leave(() => {
      this.#writes--
      this.#lastWrite = this.#runtime.clock.monotonic()
      this.#wake()
    })
  }

  /** Resolves when no write runs and the grace is over. Rejects with the reason of `signal`. */
  async collect(signal: AbortSignal): Promise<Disposable> {
    this.#collections++
    const done = leave(() => {
      this.#collections--
      this.#wake()
    })
    try {
      for (let left = this.#graceLeft(); this.#writes > 0 || left > 0; left = this.#graceLeft()) {
        await this.#change(signal, this.#writes > 0 ? undefined : left)
      }
      return done
    } catch (error) {
      done[Symbol.dispose]()
      throw error
    }
  }

  #graceLeft(): number {
    return this.#lastWrite + this.#grace - this.#runtime.clock.monotonic()
  }

  /** Resolves at the next change, or after `ms`. */
  async #change(signal: AbortSignal, ms?: number): Promise<void> {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abort = () => reject(signal.reason)
    let timer: Timer | undefined
    if (ms !== undefined) timer = this.#runtime.scheduler.after(ms, resolve)
    signal.addEventListener('abort', abort)
    this.#waiting.add(resolve)
    try {
      await promise
    } finally {
      timer?.cancel()
      signal.removeEventListener('abort', abort)
      this.#waiting.delete(resolve)
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
  }
}

function leave(task: () => void): Disposable {
  let left = false
  return {
    [Symbol.dispose]() {
      if (!left) task()
      left = true
    },
  }
}
