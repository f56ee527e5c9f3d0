/** Keeps the pins that are written in the background to a rate. */
import { pause } from '../runtime/pause.ts'
import type { Clock, Scheduler } from '../runtime/ports.ts'

export class Pace {
  /** Pins that may be written in a second. */
  readonly rate: number
  readonly #runtime: { clock: Clock; scheduler: Scheduler }
  /** Monotonic ms. */
  #freeAt = 0

  constructor(rate: number, runtime: { clock: Clock; scheduler: Scheduler }) {
    this.rate = rate
    this.#runtime = runtime
  }

  /** Resolves when `pins` may be written. Rejects with the reason of `signal`. */
  async wait(pins: number, signal: AbortSignal): Promise<void> {
    const { clock, scheduler } = this.#runtime
    const now = clock.monotonic()
    const from = Math.max(now, this.#freeAt)
    this.#freeAt = from + (pins * 1000) / this.rate
    if (from <= now) return
    await pause(scheduler, from - now, signal)
    signal.throwIfAborted()
  }
}
