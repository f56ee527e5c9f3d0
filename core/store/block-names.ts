/** Names of blocks as the tables have them: the multihash, which a block id is the text of (`core/crdt/block-id.ts`). */
import { base32upper } from 'multiformats/bases/base32'
import type { BlockId } from '../crdt/block-id.ts'

export function blockName(blockId: BlockId): Uint8Array {
  return base32upper.baseDecode(blockId)
}

export function blockIdOfName(name: Uint8Array): BlockId {
  return base32upper.baseEncode(name)
}
