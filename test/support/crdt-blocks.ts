/** Blocks of a replicated pinset for tests, made by hand. */
import type { CID } from 'multiformats/cid'
import { encodeBlock } from '../../core/crdt/dag-node.ts'
import { type Delta, encodeDelta } from '../../core/crdt/delta.ts'
import type { DagBlock } from '../../core/runtime/store.ts'

/** A block that puts `value` under `key`, with the priority that its height would give. */
export function putBlock(key: string, value: string, priority: number, parents: CID[] = []): DagBlock {
  const elements = [{ key, value: new TextEncoder().encode(value) }]
  return deltaBlock({ priority: BigInt(priority), elements, tombstones: [] }, parents)
}

export function deltaBlock(delta: Delta, parents: CID[] = []): DagBlock {
  return encodeBlock(encodeDelta(delta), parents)
}

/** A chain of `length` blocks, the oldest first. */
export function chain(length: number, key = '/k'): DagBlock[] {
  const blocks: DagBlock[] = []
  for (let height = 1; height <= length; height++) {
    const parent = blocks.at(-1)
    blocks.push(putBlock(key, `${height}`, height, parent === undefined ? [] : [parent.cid]))
  }
  return blocks
}
