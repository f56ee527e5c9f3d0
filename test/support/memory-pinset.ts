/** A replicated pinset in memory: the state behind the merge rules, with blocks and heads, for tests and the simulator. */
import type { CID } from 'multiformats/cid'
import { type BlockId, blockIdOf } from '../../core/crdt/block-id.ts'
import { type CrdtBlock, decodeBlock, encodeBlock } from '../../core/crdt/dag-node.ts'
import { HeadSet } from '../../core/crdt/heads.ts'
import {
  compareElements,
  type Element,
  type KeyState,
  mergeDelta,
  type PinsetState,
} from '../../core/crdt/merge.ts'
import type { DagBlock } from '../../core/runtime/store.ts'

/** A key whose value changed in one transaction; an absent value: the key is not in the set. */
export interface KeyChange {
  key: string
  before: Element | undefined
  after: Element | undefined
}

class MemoryKey implements KeyState {
  readonly elements = new Map<BlockId, Element>()
  readonly tombstones = new Set<BlockId>()
  #current: Element | undefined
  /** What was current before the transaction, once that changed. */
  #committed: { current: Element | undefined } | undefined

  current(): Element | undefined {
    return this.#current
  }

  isTombstoned(blockId: BlockId): boolean {
    return this.tombstones.has(blockId)
  }

  /** Equal priorities come lowest first: their order is not promised. */
  liveElements(): Element[] {
    const live = [...this.elements.values()].filter(({ blockId }) => !this.tombstones.has(blockId))
    return live.sort((a, b) => (a.priority === b.priority ? compareElements(a, b) : compareElements(b, a)))
  }

  addElement(element: Element): void {
    if (!this.elements.has(element.blockId)) this.elements.set(element.blockId, element)
  }

  addTombstone(blockId: BlockId): void {
    this.tombstones.add(blockId)
  }

  setCurrent(element: Element | undefined): void {
    if (this.#committed === undefined) this.#committed = { current: this.#current }
    this.#current = element
  }

  /** Ends a transaction; returns what it changed. */
  commit(key: string): KeyChange[] {
    const committed = this.#committed
    this.#committed = undefined
    if (committed === undefined) return []
    const change = { key, before: committed.current, after: this.#current }
    return describeValue(change.before) === describeValue(change.after) ? [] : [change]
  }
}

export class MemoryPinset implements PinsetState {
  readonly keys = new Map<string, MemoryKey>()
  readonly blocks = new Map<BlockId, CrdtBlock>()
  readonly heads = new HeadSet()
  readonly #linked = new Set<BlockId>()

  key(key: string): MemoryKey {
    let state = this.keys.get(key)
    if (state === undefined) this.keys.set(key, (state = new MemoryKey()))
    return state
  }

  isMerged(cid: CID): boolean {
    return this.blocks.has(blockIdOf(cid))
  }

  /** Merges a block, in whatever order; merging again changes nothing. */
  merge(received: DagBlock): KeyChange[] {
    return this.mergeAll([received])
  }

  /** Merges blocks as one transaction. */
  mergeAll(received: readonly DagBlock[]): KeyChange[] {
    for (const { cid, bytes } of received) {
      const block = decodeBlock(cid, bytes)
      mergeDelta(this, block.id, block.delta)
      if (this.blocks.has(block.id)) continue
      this.blocks.set(block.id, block)
      this.heads.merge(
        { cid, links: block.links, priority: block.delta.priority },
        this.#linked.has(block.id),
      )
      for (const link of block.links) this.#linked.add(blockIdOf(link))
    }
    return [...this.keys].flatMap(([key, state]) => state.commit(key))
  }

  /** The block that a peer with this state writes for an encoded delta; it is not merged yet. */
  nextBlock(encode: (priority: bigint) => Uint8Array): DagBlock {
    return encodeBlock(encode(this.heads.nextPriority()), this.heads.nextParents())
  }

  /** Ids of the live elements of a key, lowest first. */
  liveIds(key: string): BlockId[] {
    const live = this.keys.get(key)?.liveElements() ?? []
    return live.sort(compareElements).map(({ blockId }) => blockId)
  }

  values(): Map<string, Uint8Array> {
    const values = new Map<string, Uint8Array>()
    for (const key of [...this.keys.keys()].sort()) {
      const current = this.keys.get(key)?.current()
      if (current !== undefined) values.set(key, current.value)
    }
    return values
  }

  /** Everything that replicas must agree on, in one comparable form. */
  fingerprint() {
    const keys = [...this.keys].sort(([a], [b]) => (a < b ? -1 : 1))
    return {
      heads: this.heads.list().map(({ cid, priority }) => `${cid} ${priority}`),
      keys: keys.map(([key, state]) => ({
        key,
        elements: [...state.elements.keys()].sort(),
        tombstones: [...state.tombstones].sort(),
        current: describe(state.current()),
      })),
    }
  }
}

function describeValue(element: Element | undefined): string | undefined {
  return element?.value.join(',')
}

function describe(element: Element | undefined): string {
  if (element === undefined) return 'none'
  return `${element.priority} ${element.blockId} ${Array.from(element.value).join(',')}`
}
