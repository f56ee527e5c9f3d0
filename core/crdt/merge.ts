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
  /**
   * The element that holds from now on; undefined when the key leaves the set. Called for changes only: what storage tells
   * others of a change comes from here, since the hooks of the original miss some (`spec/wire.md` §3.6). The value may be
   * equal to the one before.
   */
  setCurrent(element: Element | undefined): void
}

/** The storage that deltas are merged into. */
export interface PinsetState {
  /** Undefined for a key that storage has no use for, such as one that names no CID: it is then left out. */
  key(key: string): KeyState | undefined
}

/** Merges the delta of block `blockId`. Each change of a key's current element goes through `setCurrent`, no other does. */
export function mergeDelta(state: PinsetState, blockId: BlockId, delta: Delta): void {
  mergeTombstones(state, delta)
  mergeElements(state, blockId, delta)
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

function mergeTombstones(state: PinsetState, delta: Delta): void {
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
    at.setCurrent(greatest(at.liveElements()))
  }
}

function mergeElements(state: PinsetState, blockId: BlockId, delta: Delta): void {
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
