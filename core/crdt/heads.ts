/** Heads: the merged blocks that no merged block links to. The next block joins them (`spec/wire.md` §3.3, §3.5). */
import type { CID } from 'multiformats/cid'
import type { Head } from '../runtime/store.ts'
import { type BlockId, blockIdOf } from './block-id.ts'
import { compareCids } from './dag-node.ts'
import { MAX_PARENTS } from './limits.ts'

/** What of a block decides about heads. */
export interface LinkedBlock {
  cid: CID
  links: readonly CID[]
  priority: bigint
}

export class HeadSet {
  readonly #heads = new Map<BlockId, Head>()

  constructor(heads: Iterable<Head> = []) {
    for (const head of heads) this.#heads.set(blockIdOf(head.cid), head)
  }

  /**
   * Counts a merged block in. `isLinked`: a block merged before links to it, which happens only when blocks are merged
   * before their parents; it is then no head.
   */
  merge(block: LinkedBlock, isLinked = false): void {
    for (const link of block.links) this.#heads.delete(blockIdOf(link))
    if (!isLinked) this.#heads.set(blockIdOf(block.cid), { cid: block.cid, priority: block.priority })
  }

  has(cid: CID): boolean {
    return this.#heads.has(blockIdOf(cid))
  }

  get size(): number {
    return this.#heads.size
  }

  /** In the order of the CIDs' bytes. */
  list(): Head[] {
    return [...this.#heads.values()].sort((a, b) => compareCids(a.cid, b.cid))
  }

  /** The priority of the next block: 1 + the greatest height. */
  nextPriority(): bigint {
    let highest = 0n
    for (const { priority } of this.#heads.values()) if (priority > highest) highest = priority
    return highest + 1n
  }

  /** The heads that the next block joins: all, or when they are more than `MAX_PARENTS` the highest of them. */
  nextParents(): CID[] {
    const heads = this.list()
    if (heads.length <= MAX_PARENTS) return heads.map(({ cid }) => cid)
    const byHeight = heads.sort((a, b) => (a.priority === b.priority ? 0 : a.priority < b.priority ? 1 : -1))
    return byHeight.slice(0, MAX_PARENTS).map(({ cid }) => cid)
  }
}
