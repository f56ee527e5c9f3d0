/** One piece of work done again and again, a round at a time, each followed by a pause that the round itself gives. */
import type { Clock, Logger, Scheduler, Timer } from '../runtime/ports.ts'

/** Milliseconds from a round that failed to the next. */
export const retryPause = 10_000

export interface RoundsInit {
  /** Completes "… failed" in the log. */
  name: string
  /** Gives the milliseconds until the next round. Its failure is logged, and tried again after a while. */
  round(signal: AbortSignal): Promise<number>
  runtime: { clock: Clock; scheduler: Scheduler; logger: Logger }
}

export class Rounds implements AsyncDisposable {
  readonly #init: RoundsInit
  readonly #closing = new AbortController()
  #timer: Timer | undefined
  /** When the timer fires, monotonic ms. */
  #dueAt = Number.POSITIVE_INFINITY
  #running: Promise<void> | undefined
  /** The shortest pause that was asked for while a round ran, ms. */
  #wished = Number.POSITIVE_INFINITY
  /** The same failure is logged once. */
  #lastFailure = ''

  constructor(init: RoundsInit) {
    this.#init = init
  }

  /** The next round begins in `ms`, or before if it was to; while one runs, after that. */
  within(ms: number): void {
    if (this.#closing.signal.aborted) return
    if (this.#running !== undefined) {
      this.#wished = Math.min(this.#wished, ms)
      return
    }
    const { clock, scheduler } = this.#init.runtime
    const dueAt = clock.monotonic() + ms
    if (dueAt >= this.#dueAt) return
    this.#dueAt = dueAt
    this.#timer?.cancel()
    this.#timer = scheduler.after(ms, () => {
      this.#running = this.#run()
    })
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    let pause = retryPause
    try {
      pause = await this.#init.round(signal)
      this.#lastFailure = ''
    } catch (error) {
      if (!signal.aborted) this.#complain(error)
    }
    const next = Math.min(pause, this.#wished)
    this.#running = undefined
    this.#wished = Number.POSITIVE_INFINITY
    this.#dueAt = Number.POSITIVE_INFINITY
    this.within(next)
  }

  #complain(error: unknown): void {
    const failure = String(error)
    if (failure === this.#lastFailure) return
    this.#lastFailure = failure
    this.#init.runtime.logger.warn(`${this.#init.name} failed; it is tried again`, { error: failure })
  }

  /** Lets the round under way end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the peer is stopping'))
    this.#timer?.cancel()
    await this.#running
  }
}
