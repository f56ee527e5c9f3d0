/** A queue that gives the greatest height first, and among equal heights the oldest: a binary heap. */

interface Entry<Item> {
  item: Item
  height: number
  order: number
}

export class WantQueue<Item> {
  readonly #heap: Entry<Item>[] = []
  #pushed = 0

  get size(): number {
    return this.#heap.length
  }

  push(item: Item, height: number): void {
    const entry = { item, height, order: this.#pushed++ }
    let at = this.#heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(entry, this.#at(parent))) break
      this.#heap[at] = this.#at(parent)
      at = parent
    }
    this.#heap[at] = entry
  }

  pop(): Item | undefined {
    const first = this.#heap[0]
    const last = this.#heap.pop()
    if (first === undefined || last === undefined) return undefined
    if (this.#heap.length > 0) this.#sink(last)
    return first.item
  }

  #sink(entry: Entry<Item>): void {
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.#heap.length) break
      if (child + 1 < this.#heap.length && isBefore(this.#at(child + 1), this.#at(child))) child++
      if (!isBefore(this.#at(child), entry)) break
      this.#heap[at] = this.#at(child)
      at = child
    }
    this.#heap[at] = entry
  }

  #at(index: number): Entry<Item> {
    return this.#heap[index] as Entry<Item>
  }
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.height === b.height ? a.order < b.order : a.height > b.height
}
