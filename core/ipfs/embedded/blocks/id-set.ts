/**
 * A set of block ids: a bitmap in pages that are made when needed. 100 million blocks take 12.5 MB, which is what keeps
 * walks and garbage collection bounded.
 */
const idsPerPage = 65_536

export class IdSet {
  readonly #pages = new Map<number, Uint8Array>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Returns false when the id was in the set already. */
  add(id: number): boolean {
    const number = Math.floor(id / idsPerPage)
    let page = this.#pages.get(number)
    if (page === undefined) this.#pages.set(number, (page = new Uint8Array(idsPerPage / 8)))
    const bit = 1 << (id & 7)
    const at = (id % idsPerPage) >> 3
    if ((page[at]! & bit) !== 0) return false
    page[at]! |= bit
    this.#size++
    return true
  }

  has(id: number): boolean {
    const page = this.#pages.get(Math.floor(id / idsPerPage))
    return page !== undefined && (page[(id % idsPerPage) >> 3]! & (1 << (id & 7))) !== 0
  }

  *[Symbol.iterator](): Generator<number> {
    for (const [number, page] of this.#pages) {
      for (const [at, bits] of page.entries()) {
        for (let bit = 0; bits >> bit > 0; bit++) {
          if ((bits & (1 << bit)) !== 0) yield number * idsPerPage + at * 8 + bit
        }
      }
    }
  }
}
