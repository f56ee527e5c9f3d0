/**
 * Whether a pin may be a copy that background work of any peer made of one that was unpinned, and that its author is
 * about to withdraw. Who made an element is not written in it, but a copy keeps the time of what it copied.
 */
import { blockCid } from '../crdt/block-id.ts'
import { decodeTrustedBlock } from '../crdt/dag-node.ts'
import { blockIdOfName } from './block-names.ts'
import { textOfKeyBytes } from './keys.ts'
import { readPin } from './pin-value.ts'
import type { KeyBytes, TableReader } from './tables.ts'

/** Dead elements that are read, each with its block; a key with more is taken for one with a copy. */
const readElements = 4

/** True for all copies of dead elements, and for few other pins: for those asking is in vain, and does no harm. */
export function mayBeWithdrawn(tables: TableReader, key: KeyBytes): boolean {
  const id = tables.keyId(key)
  const pin = id === undefined ? undefined : tables.folded(id)?.pin
  if (id === undefined || pin === undefined) return false
  const dead = tables.tombstones(id)
  if (dead.length > readElements) return true
  return dead.some((name) => {
    const value = deadValue(tables, key, name)
    return value !== undefined && readPin(key, value)?.timestamp === pin.timestamp
  })
}

/** Undefined when there is no such element: a tombstone can name anything. */
function deadValue(tables: TableReader, key: KeyBytes, name: Uint8Array): Uint8Array | undefined {
  const block = tables.blockId(name)
  const bytes = block === undefined ? undefined : tables.blockBytes(block)
  if (bytes === undefined) return undefined
  const text = textOfKeyBytes(key)
  const { delta } = decodeTrustedBlock(blockCid(blockIdOfName(name)), bytes)
  return delta.elements.findLast((element) => element.key === text)?.value
}
