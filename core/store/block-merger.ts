/** Merges blocks into the tables: bytes, heads, elements, and the values of keys. */
import { CID } from 'multiformats/cid'
import { blockCid } from '../crdt/block-id.ts'
import { type CrdtBlock, decodeBlock, encodeBlock } from '../crdt/dag-node.ts'
import type { Delta } from '../crdt/delta.ts'
import { encodeDelta } from '../crdt/delta.ts'
import { HeadSet } from '../crdt/heads.ts'
import { MAX_FREE_PRIORITY } from '../crdt/limits.ts'
import { mergeDelta } from '../crdt/merge.ts'
import type { Sha256 } from '../crdt/sha256.ts'
import { messageOf } from '../error-text.ts'
import type { PeerIdCache } from '../pin/peer-id.ts'
import { blockIdOfName } from './block-names.ts'
import { BlockValues } from './block-values.ts'
import { BlockRefusedError } from './errors.ts'
import type { BlockRequest } from './jobs.ts'
import { TablePinset } from './pinset-state.ts'
import type { Tables } from './tables.ts'
import type { Transaction } from './transaction.ts'

export class BlockMerger {
  readonly transaction: Transaction
  readonly pinset: TablePinset
  readonly #hash: Sha256
  #heads: HeadSet | undefined

  constructor(transaction: Transaction, hash: Sha256, peerIds: PeerIdCache) {
    this.transaction = transaction
    this.pinset = new TablePinset(
      transaction.tables,
      new BlockValues(({ id }) => transaction.tables.blockBytes(id)),
      peerIds,
    )
    this.#hash = hash
  }

  /**
   * Merges blocks that came from elsewhere; those merged before are passed over. Returns how many were new. Throws
   * `BlockRefusedError` before anything is written.
   */
  merge(requests: BlockRequest[]): number {
    const blocks = this.#check(requests)
    for (const block of blocks) this.#merge(block)
    return blocks.length
  }

  /** Makes the next block of this peer from a delta and merges it. Returns its CID. */
  mergeOwn(toDelta: (priority: bigint) => Delta): CID {
    const heads = this.#headSet()
    const delta = toDelta(heads.nextPriority())
    const parents = heads.nextParents()
    const { cid, bytes } = encodeBlock(encodeDelta(delta), parents, this.#hash)
    this.#merge({ cid, bytes, links: parents, delta })
    return cid
  }

  #merge({ cid, bytes, links, delta }: Pick<CrdtBlock, 'cid' | 'bytes' | 'links' | 'delta'>): void {
    const { tables, counts } = this.transaction
    const id = tables.nameBlock(cid.multihash.bytes)
    tables.fillBlock(id, delta.priority, bytes)
    counts.blocks++
    for (const link of links) {
      const parent = tables.blockId(link.multihash.bytes)
      if (parent !== undefined) tables.removeHead(parent)
    }
    tables.addHead(id)
    const heads = this.#headSet()
    heads.merge({ cid, links, priority: delta.priority })
    counts.heads = heads.size
    mergeDelta(this.pinset, blockIdOfName(cid.multihash.bytes), delta)
  }

  #check(requests: BlockRequest[]): CrdtBlock[] {
    const { tables } = this.transaction
    const fresh = new Map<string, CrdtBlock>()
    for (const { cid: cidBytes, bytes } of requests) {
      const cid = CID.decode(cidBytes as Uint8Array<ArrayBuffer>)
      if (fresh.has(cid.toString()) || isMerged(tables, cid)) continue
      const block = this.#decode(cid, bytes)
      const missing = block.links.find((link) => !fresh.has(link.toString()) && !isMerged(tables, link))
      if (missing !== undefined) {
        throw new BlockRefusedError(cid.toString(), `its parent ${missing} is not merged; merge that first`)
      }
      this.#checkPriority(block, fresh)
      fresh.set(cid.toString(), block)
    }
    return [...fresh.values()]
  }

  #checkPriority({ cid, links, delta: { priority } }: CrdtBlock, fresh: Map<string, CrdtBlock>): void {
    if (priority <= MAX_FREE_PRIORITY) return
    const { tables } = this.transaction
    let highest = 0n
    for (const link of links) {
      const id = tables.blockId(link.multihash.bytes)
      const parent = fresh.get(link.toString())?.delta ?? (id === undefined ? undefined : tables.block(id))
      if (parent !== undefined && parent.priority > highest) highest = parent.priority
    }
    if (priority > highest + 1n) {
      throw new BlockRefusedError(
        cid.toString(),
        `its priority ${priority} is more than 1 above that of all that it builds on, ${highest}`,
      )
    }
  }

  #decode(cid: CID, bytes: Uint8Array): CrdtBlock {
    try {
      return decodeBlock(cid, bytes, this.#hash)
    } catch (error) {
      const problem = messageOf(error)
      throw new BlockRefusedError(cid.toString(), problem.replace(`block ${cid}: `, ''))
    }
  }

  #headSet(): HeadSet {
    return (this.#heads ??= new HeadSet(
      this.transaction.tables.heads().map(({ name, priority }) => ({
        cid: blockCid(blockIdOfName(name)),
        priority,
      })),
    ))
  }
}

export function isMerged(tables: Pick<Tables, 'blockId' | 'block'>, cid: CID): boolean {
  const id = tables.blockId(cid.multihash.bytes)
  return id !== undefined && tables.block(id) !== undefined
}
