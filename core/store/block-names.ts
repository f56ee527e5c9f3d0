/** Names of blocks as the tables have them: the multihash, which a block id is the text of (`core/crdt/block-id.ts`). */
import type { BlockId } from '../crdt/block-id.ts'
import { decodeBase32, encodeBase32 } from './base32.ts'

/** `blockId` was read by `parseBlockId` or made by `blockIdOf`. */
export function blockName(blockId: BlockId): Uint8Array {
  const name = decodeBase32(blockId)
  if (name === undefined) throw new TypeError(`${blockId} is no block id`)
  return name
}

export function blockIdOfName(name: Uint8Array): BlockId {
  return encodeBase32(name)
}
