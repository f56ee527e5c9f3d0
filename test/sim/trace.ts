/** What happened in a run, one line an event: the end of it is kept to be read, all of it is hashed to be compared. */
import { startOfTime, type VirtualTime } from './virtual-time.ts'

/** Lines kept. */
const keptLines = 400

export class Trace {
  readonly #time: VirtualTime
  readonly #hash = new Bun.CryptoHasher('sha256')
  readonly #lines: string[] = []

  constructor(time: VirtualTime) {
    this.#time = time
  }

  /** `who` did or met `what`. */
  note(who: string, what: string): void {
    const seconds = ((this.#time.now() - startOfTime) / 1000).toFixed(3)
    const line = `${seconds.padStart(10)} ${who.padEnd(8)} ${what}`
    this.#hash.update(`${line}\n`)
    this.#lines.push(line)
    if (this.#lines.length > 2 * keptLines) this.#lines.splice(0, keptLines)
  }

  /** The last lines, at most `limit`. */
  tail(limit: number): string[] {
    return this.#lines.slice(-limit)
  }

  /** Of all lines so far. */
  digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 16)
  }
}
