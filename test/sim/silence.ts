/** For how long one process has not heard of the others. Time in which it was paused does not count. */
import type { PeerIdText } from '../../core/pin/pin.ts'
import type { Scheduler } from '../../core/runtime/ports.ts'

/** Milliseconds between two counts of the time. */
const step = 1_000

/** Milliseconds in which a peer that is heard of again may still be taken for gone. */
const noticed = 5_000

/** Milliseconds of silence that a peer comes back from, and not only from its next ping. */
const longSilence = 50_000

interface Heard {
  at: number
  /** How long it was silent before. */
  gap: number
  /** When it was heard again after that. */
  since: number
}

export class Silence {
  readonly #scheduler: Scheduler
  readonly #heard = new Map<PeerIdText, Heard>()
  #listened = 0

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
    this.#count()
  }

  heard(peer: PeerIdText): void {
    const now = this.#listened
    const last = this.#heard.get(peer) ?? { at: 0, gap: 0, since: 0 }
    const gap = now - last.at
    const isBack = gap > longSilence
    this.#heard.set(peer, {
      at: now,
      ...(isBack ? { gap, since: now } : { gap: last.gap, since: last.since }),
    })
  }

  /** Milliseconds; of a peer that has only just come back, those before. */
  of(peer: PeerIdText): number {
    const { at, gap, since } = this.#heard.get(peer) ?? { at: 0, gap: 0, since: 0 }
    const silent = this.#listened - at
    return this.#listened - since < noticed ? Math.max(silent, gap) : silent
  }

  #count(): void {
    this.#scheduler.after(step, () => {
      this.#listened += step
      this.#count()
    })
  }
}
