/**
 * What one peer has and another lacks: all that the wanted blocks build on, without all that the blocks build on that the
 * other one has. Pure, and one step at a time, so that whoever drives it can pause.
 */
import { WantQueue } from '../../crdt/want-queue.ts'
import type { BlockHeader } from './block-header.ts'

/** Undefined for blocks that are not here. */
export type ReadHeader = (digest: Uint8Array) => BlockHeader | undefined

/** Blocks that one walk looks at; a pinset of 500,000 blocks is the largest known. */
const maxSteps = 4_000_000

interface Visit {
  digest: Uint8Array
  header: BlockHeader
  /** The other side has it. */
  had: boolean
}

export class MissingWalk {
  readonly #read: ReadHeader
  readonly #queue = new WantQueue<Visit>()
  readonly #queued = new Map<string, Visit>()
  /** Visits in the queue that the other side does not have as far as known; none left = all are found. */
  #lacking = 0
  #steps = 0

  constructor(read: ReadHeader) {
    this.#read = read
  }

  /** False when the block is not here. */
  want(digest: Uint8Array): boolean {
    return this.#visit(digest, false)
  }

  /** False when the block is not here. */
  have(digest: Uint8Array): boolean {
    return this.#visit(digest, true)
  }

  /**
   * Takes a step: the next missing block, `undefined` when the step met none, or `done`. Newest first: a block comes after
   * all that build on it, as it stands lower than they. Throws after `maxSteps`.
   */
  step(): Uint8Array | undefined | 'done' {
    if (this.#lacking === 0) return 'done'
    if (++this.#steps > maxSteps) throw new Error(`the history has more than ${maxSteps} blocks`)
    const visit = this.#queue.pop()!
    this.#queued.delete(keyOf(visit.digest))
    if (!visit.had) this.#lacking--
    for (const parent of visit.header.parents) this.#visit(parent, visit.had)
    return visit.had ? undefined : visit.digest
  }

  #visit(digest: Uint8Array, had: boolean): boolean {
    const key = keyOf(digest)
    const queued = this.#queued.get(key)
    if (queued !== undefined) {
      if (had && !queued.had) {
        queued.had = true
        this.#lacking--
      }
      return true
    }
    const header = this.#read(digest)
    if (header === undefined) return false
    const visit = { digest, header, had }
    this.#queued.set(key, visit)
    this.#queue.push(visit, header.priority)
    if (!had) this.#lacking++
    return true
  }
}

export function keyOf(digest: Uint8Array): string {
  return String.fromCharCode(...digest)
}
