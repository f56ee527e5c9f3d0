/** Which calls write blocks without pinning them, and so what garbage collection must leave alone for their sake. */
import type { Clock } from '../../runtime/ports.ts'

/** Ended calls are kept as one when they ended in the same part of the grace. */
const bucketsPerGrace = 1_000

export class WriteCalls {
  readonly #clock: Clock
  readonly #grace: number
  readonly #bucket: number
  /** When the calls began that run, ms since the epoch. */
  readonly #running = new Set<{ began: number }>()
  /** By the bucket in which they ended: when the first of them began. */
  readonly #ended = new Map<number, number>()

  /** `grace`: ms after the end of a call for which its blocks are safe; 0 = none. */
  constructor(clock: Clock, grace: number) {
    this.#clock = clock
    this.#grace = grace
    this.#bucket = Math.max(1, grace / bucketsPerGrace)
  }

  begin(): Disposable {
    const call = { began: this.#clock.now() }
    this.#running.add(call)
    return { [Symbol.dispose]: () => this.#end(call) }
  }

  /** What was put since then, ms since the epoch, is to be kept. */
  keepSince(): number {
    this.#forget()
    const running = [...this.#running].map(({ began }) => began)
    // Without a grace all until now goes, but not what is kept until later (`blocks/index-recovery.ts`).
    const graced = this.#grace === 0 ? this.#clock.now() + 1 : this.#clock.now() - this.#grace
    return Math.min(graced, ...running, ...this.#ended.values())
  }

  #end(call: { began: number }): void {
    this.#forget()
    this.#running.delete(call)
    if (this.#grace === 0) return
    const key = Math.floor(this.#clock.now() / this.#bucket)
    this.#ended.set(key, Math.min(call.began, this.#ended.get(key) ?? call.began))
  }

  /** Drops buckets whose last call ended longer ago than the grace. */
  #forget(): void {
    const oldest = this.#clock.now() - this.#grace
    for (const key of this.#ended.keys()) {
      if ((key + 1) * this.#bucket <= oldest) this.#ended.delete(key)
    }
  }
}
