/** Whether anything that is in flight is answered: a node that hangs is noticed long before the calls to it run out of time. */
import { silenceLimit } from './settings.ts'

export class Silence {
  /** ms since the epoch. */
  #heardAt = 0
  #isWatched = false

  heard(now: number): void {
    this.#heardAt = now
  }

  /** Something is in flight. Gives the milliseconds until the first look, when nothing was before. */
  begin(now: number): number | undefined {
    if (this.#isWatched) return undefined
    this.#isWatched = true
    this.#heardAt = now
    return silenceLimit
  }

  /** Nothing is in flight any more. */
  end(): void {
    this.#isWatched = false
  }

  /** A node that is there and has nothing for what is in flight is asked less and less often. */
  look(now: number): { isLong: boolean; next: number } {
    const silence = Math.abs(now - this.#heardAt)
    return { isLong: silence >= silenceLimit, next: Math.max(silenceLimit, silence) }
  }
}
