/** Randomness from a seed (the generator sfc32), with the few draws that tests need. Parts get forks of their own. */
import type { Random } from '../../core/runtime/ports.ts'

export class SeededRandom implements Random {
  #a: number
  #b: number
  #c: number
  #d = 1

  constructor(seed: number, stream = 0) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = stream | 0
    for (let i = 0; i < 15; i++) this.#next()
  }

  /** The generator of the `index`-th thing of a kind: leaving another one out does not move it. */
  static of(seed: number, kind: string, index: number): SeededRandom {
    return new SeededRandom(seed, Bun.hash.xxHash32(`${kind} ${index}`))
  }

  /** An independent generator; what is drawn from one does not move the other. */
  fork(): SeededRandom {
    return new SeededRandom(this.#next(), this.#next())
  }

  float(): number {
    return this.#next() / 2 ** 32
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#next() & 0xff)
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + Math.floor(this.float() * (high - low + 1))
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.float() < probability
  }

  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new RangeError('nothing to pick from')
    return items[Math.floor(this.float() * items.length)]!
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    return items
      .map((item) => ({ item, at: this.float() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item)
  }

  #next(): number {
    const result = (((this.#a + this.#b) | 0) + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (this.#c << 21) | (this.#c >>> 11)
    this.#c = (this.#c + result) | 0
    return result >>> 0
  }
}
