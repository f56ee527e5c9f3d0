/**
 * Which of its own blocks a peer names, so that the other side finds what both have: its heads and the nearest ancestors
 * first, then, where none of them is known, ever older ones ever more thinly. Pure.
 */
import { WantQueue } from '../../crdt/want-queue.ts'
import { keyOf, type ReadHeader } from './missing.ts'

/** Blocks named at a time, beside the heads. */
const namedAtOnce = 64
/** Each round looks this many times as far as the one before, and the last at this many blocks. */
const stride = 8
const farthest = 32_768

export class OwnHistory {
  readonly #read: ReadHeader
  readonly #queue = new WantQueue<{ digest: Uint8Array; parents: Uint8Array[] }>()
  readonly #queued = new Set<string>()
  #reach = namedAtOnce

  constructor(heads: readonly Uint8Array[], read: ReadHeader) {
    this.#read = read
    for (const head of heads) this.#enqueue(head)
  }

  /** True as long as there are older blocks to name, and they are not too old to look for. */
  get more(): boolean {
    return this.#queue.size > 0 && this.#reach <= farthest
  }

  /** The next blocks to name, newest first. Looks at 64 blocks, then 512, 4,096 and 32,768. */
  next(): Uint8Array[] {
    const named: Uint8Array[] = []
    const every = this.#reach / namedAtOnce
    for (let looked = 0; looked < this.#reach; looked++) {
      const block = this.#queue.pop()
      if (block === undefined) break
      this.#queued.delete(keyOf(block.digest))
      if (looked % every === 0) named.push(block.digest)
      for (const parent of block.parents) this.#enqueue(parent)
    }
    this.#reach *= stride
    return named
  }

  #enqueue(digest: Uint8Array): void {
    const key = keyOf(digest)
    if (this.#queued.has(key)) return
    const header = this.#read(digest)
    if (header === undefined) return
    this.#queued.add(key)
    this.#queue.push({ digest, parents: header.parents }, header.priority)
  }
}
