/**
 * The merge rules of the replicated pinset: an add-wins set of elements per key, and among the live elements of a key the
 * greatest is its value (`spec/wire.md` §3.6). Blocks may be merged in any order, any number of times, in any grouping:
 * the state is the same.
 */
import type { BlockId } from './block-id.ts'
import { compareBytes } from './dag-node.ts'
import type { Delta } from './delta.ts'

/** What one block put under one key. */
export interface Element {
  blockId: BlockId
  /** The priority of the block. */
  priority: bigint
  value: Uint8Array
}

/** What storage keeps of one key. All calls are synchronous, within one transaction. */
export interface KeyState {
  /** The greatest live element, as `setCurrent` left it; undefined when the key is not in the set. */
  current(): Element | undefined
  isTombstoned(blockId: BlockId): boolean
  /** Elements without a tombstone, **greatest priority first**; reading may stop before the end. */
  liveElements(): Iterable<Element>
  /** Records an element; one that is there already stays as it is. */
  addElement(element: Element): void
  /** Records a tombstone, also when its element is unknown or it is there already. */
  addTombstone(blockId: BlockId): void
  setCurrent(element: Element | undefined): void
}

/** The storage that deltas are merged into. */
export interface PinsetState {
  /** Undefined for a key that storage has no use for, such as one that names no CID: it is then left out. */
  key(key: string): KeyState | undefined
}

/** A key whose value changed; an absent value: the key is not in the set. */
export interface KeyChange {
  key: string
  before: Element | undefined
  after: Element | undefined
}

/** Collects changes over the blocks of one transaction: each key once, from its first state to its last. */
export class KeyChanges {
  readonly #changes = new Map<string, KeyChange>()

  note(key: string, before: Element | undefined, after: Element | undefined): void {
    const known = this.#changes.get(key)
    if (known === undefined) this.#changes.set(key, { key, before, after })
    else known.after = after
  }

  /** Only keys whose value is another than before. */
  list(): KeyChange[] {
    return [...this.#changes.values()].filter(({ before, after }) => !haveEqualValues(before, after))
  }
}

/**
 * Merges the delta of block `blockId`. Notes in `changes` the keys whose current element changed: what the original
 * tells its hooks is not enough to know that.
 */
export function mergeDelta(state: PinsetState, blockId: BlockId, delta: Delta, changes: KeyChanges): void {
  mergeTombstones(state, delta, changes)
  mergeElements(state, blockId, delta, changes)
}

/**
 * A total order: priority, then value. Equal ones are ordered by block, so that also which element is the current one
 * does not depend on the order of merging.
 */
export function compareElements(a: Element, b: Element): number {
  if (a.priority !== b.priority) return a.priority < b.priority ? -1 : 1
  const byValue = compareBytes(a.value, b.value)
  if (byValue !== 0) return byValue
  return a.blockId < b.blockId ? -1 : a.blockId > b.blockId ? 1 : 0
}

function mergeTombstones(state: PinsetState, delta: Delta, changes: KeyChanges): void {
  const killed = new Map<string, BlockId[]>()
  for (const { key, blockId } of delta.tombstones) {
    const ids = killed.get(key)
    if (ids === undefined) killed.set(key, [blockId])
    else ids.push(blockId)
  }
  for (const [key, ids] of killed) {
    const at = state.key(key)
    if (at === undefined) continue
    for (const id of ids) at.addTombstone(id)
    const before = at.current()
    if (before === undefined || !ids.includes(before.blockId)) continue
    const after = greatest(at.liveElements())
    at.setCurrent(after)
    changes.note(key, before, after)
  }
}

function mergeElements(state: PinsetState, blockId: BlockId, delta: Delta, changes: KeyChanges): void {
  // A key that comes twice has its last value, here and whenever the value is computed anew.
  const values = new Map<string, Uint8Array>()
  for (const { key, value } of delta.elements) values.set(key, value)
  for (const [key, value] of values) {
    const at = state.key(key)
    if (at === undefined) continue
    const element: Element = { blockId, priority: delta.priority, value }
    at.addElement(element)
    if (at.isTombstoned(blockId)) continue
    const before = at.current()
    if (before !== undefined && compareElements(before, element) >= 0) continue
    at.setCurrent(element)
    changes.note(key, before, element)
  }
}

function greatest(elements: Iterable<Element>): Element | undefined {
  let best: Element | undefined
  for (const element of elements) {
    if (best !== undefined && element.priority < best.priority) break
    if (best === undefined || compareElements(element, best) > 0) best = element
  }
  return best
}

function haveEqualValues(a: Element | undefined, b: Element | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return compareBytes(a.value, b.value) === 0
}
