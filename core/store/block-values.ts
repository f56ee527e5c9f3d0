/**
 * Values of elements, read from the blocks that brought them: only ties and survivors of a removal need them. Deciding
 * many keys of one block reads it once.
 */

import { blockCid } from '../crdt/block-id.ts'
import { decodeTrustedBlock } from '../crdt/dag-node.ts'
import { blockIdOfName } from './block-names.ts'
import { StoreDamagedError } from './errors.ts'
import type { BlockRow, BlockRowId } from './tables.ts'

/** Decoded blocks that are remembered; a block has 4 MiB at most. */
const rememberedBlocks = 8

export class BlockValues {
  readonly #bytesOf: (block: BlockRow) => Uint8Array | undefined
  readonly #blocks = new Map<BlockRowId, Map<string, Uint8Array>>()

  /** `bytesOf` finds the bytes of a merged block. */
  constructor(bytesOf: (block: BlockRow) => Uint8Array | undefined) {
    this.#bytesOf = bytesOf
  }

  /** The value that the block has for the key; its last one, when it has several. */
  value(block: BlockRow, key: string): Uint8Array {
    const value = this.#valuesOf(block).get(key)
    if (value === undefined) {
      const id = blockIdOfName(block.name)
      throw new StoreDamagedError(`block ${id} has no element of key ${key}`)
    }
    return value
  }

  #valuesOf(block: BlockRow): Map<string, Uint8Array> {
    const known = this.#blocks.get(block.id)
    const values = known ?? this.#read(block)
    // The one used last goes to the end, so that the first is the one to drop.
    this.#blocks.delete(block.id)
    this.#blocks.set(block.id, values)
    if (this.#blocks.size > rememberedBlocks)
      this.#blocks.delete(this.#blocks.keys().next().value as BlockRowId)
    return values
  }

  #read(block: BlockRow): Map<string, Uint8Array> {
    const cid = blockCid(blockIdOfName(block.name))
    const bytes = this.#bytesOf(block)
    if (bytes === undefined) throw new StoreDamagedError(`block ${cid} is missing`)
    const { delta } = decodeTrustedBlock(cid, bytes)
    return new Map(delta.elements.map(({ key, value }) => [key, value]))
  }
}
