/** The clock of one machine: it may be wrong, run too fast or too slow, and be set while everything runs. */
import type { Clock } from '../../core/runtime/ports.ts'
import { startOfTime, type VirtualTime } from './virtual-time.ts'

export class PeerClock implements Clock {
  readonly #time: VirtualTime
  /** What it showed, and the true time, when it was last set. */
  #set = { shown: startOfTime, at: 0 }
  #rate = 1

  constructor(time: VirtualTime) {
    this.#time = time
  }

  now(): number {
    return Math.floor(this.#set.shown + (this.#time.monotonic() - this.#set.at) * this.#rate)
  }

  /** Intervals are measured well enough on any machine. */
  monotonic(): number {
    return this.#time.monotonic()
  }

  /** It shows `ms` more, or less, from now on. */
  jump(ms: number): void {
    this.#set = { shown: this.now() + ms, at: this.#time.monotonic() }
  }

  /** Seconds that it counts in a second. */
  drift(rate: number): void {
    this.jump(0)
    this.#rate = rate
  }

  /** Somebody sets it right. */
  correct(): void {
    this.#set = { shown: this.#time.now(), at: this.#time.monotonic() }
    this.#rate = 1
  }
}
