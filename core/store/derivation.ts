/**
 * What the tables should say, computed from the blocks alone into scratch tables: the first half of the check and of the
 * rebuild. Blocks are read one at a time, so that memory is bounded by the caches of the tables.
 */
import { blockCid } from '../crdt/block-id.ts'
import { type CrdtBlock, decodeBlock } from '../crdt/dag-node.ts'
import { mergeDelta } from '../crdt/merge.ts'
import type { Sha256 } from '../crdt/sha256.ts'
import { messageOf } from '../error-text.ts'
import { PeerIdCache } from '../pin/peer-id.ts'
import type { StoreFault } from '../runtime/store.ts'
import { isMerged } from './block-merger.ts'
import { blockIdOfName } from './block-names.ts'
import { BlockValues } from './block-values.ts'
import { TablePinset } from './pinset-state.ts'
import type { BlockWithBytes, TableReader, Tables } from './tables.ts'

/** Blocks in one transaction of the scratch tables. */
const blocksAtOnce = 16

export interface DerivationProgress {
  phase: 'blocks' | 'pins'
  done: number
  /** Of the blocks; that of pins is not known. */
  total?: number
}

export class Derivation {
  readonly #tables: TableReader
  readonly #scratch: Tables
  readonly #hash: Sha256
  readonly #values: BlockValues
  /** Names of blocks that a block before them links to: none, unless priorities lie. */
  readonly #linkedBefore = new Set<string>()
  readonly #peerIds = new PeerIdCache()
  /** Blocks that were read. */
  blocks = 0

  constructor(tables: TableReader, scratch: Tables, hash: Sha256) {
    this.#tables = tables
    this.#scratch = scratch
    this.#hash = hash
    this.#values = new BlockValues(({ name }) => {
      const id = tables.blockId(name)
      return id === undefined ? undefined : tables.blockBytes(id)
    })
  }

  /** Merges the next blocks into the scratch tables. Gives what is wrong with them; undefined at the end. */
  next(after: BlockWithBytes | undefined): { last: BlockWithBytes; faults: StoreFault[] } | undefined {
    const blocks: BlockWithBytes[] = []
    for (let last = after; blocks.length < blocksAtOnce; blocks.push(last)) {
      const [block] = this.#tables.blocksByPriority(last, 1)
      if (block === undefined) break
      last = block
    }
    const last = blocks.at(-1)
    if (last === undefined) return undefined
    this.blocks += blocks.length
    const faults = this.#scratch.transaction(() => blocks.flatMap((block) => this.#merge(block)))
    return { last, faults }
  }

  #merge(row: BlockWithBytes): StoreFault[] {
    const cid = blockCid(blockIdOfName(row.name))
    let block: CrdtBlock
    try {
      block = decodeBlock(cid, row.bytes, this.#hash)
    } catch (error) {
      return [
        {
          where: 'blocks',
          what: cid.toString(),
          problem: messageOf(error),
        },
      ]
    }
    this.#mergeHead(row.name, block)
    mergeDelta(new TablePinset(this.#scratch, this.#values, this.#peerIds), block.id, block.delta)
    return [...this.#priorityFaults(row, block), ...this.#parentFaults(block)]
  }

  #mergeHead(name: Uint8Array, { links, delta }: CrdtBlock): void {
    const id = this.#scratch.nameBlock(name)
    this.#scratch.fillBlock(id, delta.priority, new Uint8Array(0))
    if (!this.#linkedBefore.delete(blockIdOfName(name))) this.#scratch.addHead(id)
    for (const { multihash } of links) {
      const parent = this.#scratch.blockId(multihash.bytes)
      const isThere = parent !== undefined && this.#scratch.block(parent) !== undefined
      if (isThere) this.#scratch.removeHead(parent)
      else this.#linkedBefore.add(blockIdOfName(multihash.bytes))
    }
  }

  #priorityFaults({ priority }: BlockWithBytes, { cid, delta }: CrdtBlock): StoreFault[] {
    if (priority === delta.priority) return []
    const problem = `its row has priority ${priority}, the block ${delta.priority}`
    return [{ where: 'blocks', what: cid.toString(), problem }]
  }

  #parentFaults({ cid, links }: CrdtBlock): StoreFault[] {
    return links
      .filter((link) => !isMerged(this.#tables, link))
      .map((link) => ({ where: 'blocks', what: cid.toString(), problem: `its parent ${link} is missing` }))
  }
}
