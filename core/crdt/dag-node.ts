/** Blocks of the replicated pinset: a delta and links to the heads that it builds on, as a dag-pb node (`spec/wire.md` §3.3). */
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { messageOf } from '../error-text.ts'
import type { DagBlock } from '../runtime/store.ts'
import { type BlockId, blockIdOf, DAG_PB, isBlockCid, SHA2_256 } from './block-id.ts'
import { type Delta, decodeDelta } from './delta.ts'
import { type BlockFault, CrdtBlockError } from './errors.ts'
import { MAX_BLOCK_BYTES } from './limits.ts'
import { type Sha256, sha256 } from './sha256.ts'

/** A block that was read and checked. */
export interface CrdtBlock extends DagBlock {
  id: BlockId
  /** The blocks that it builds on, in the order of the node. */
  links: CID[]
  /** Its values are views into `bytes`. */
  delta: Delta
}

/** Makes the block of an encoded delta. Parents in any order: they are sorted by their bytes, as in Go. */
export function encodeBlock(
  encodedDelta: Uint8Array,
  parents: readonly CID[],
  hash: Sha256 = sha256,
): DagBlock {
  const Links = [...parents].sort(compareCids).map((Hash) => ({ Hash, Name: '', Tsize: 0 }))
  const bytes = dagPb.encode({ Links, Data: encodedDelta })
  return { cid: CID.createV1(DAG_PB, createDigest(SHA2_256, hash(bytes))), bytes }
}

/** Reads a block and checks that the bytes are those of its CID. Throws `CrdtBlockError`. */
export function decodeBlock(cid: CID, bytes: Uint8Array, hash: Sha256 = sha256): CrdtBlock {
  if (!isBlockCid(cid)) throw refusal('cid', cid, 'blocks of a pinset are dag-pb, CIDv1, sha2-256')
  if (bytes.length > MAX_BLOCK_BYTES) {
    throw refusal('size', cid, `${bytes.length} bytes, at most ${MAX_BLOCK_BYTES} are read`)
  }
  if (!equalBytes(hash(bytes), cid.multihash.digest))
    throw refusal('hash', cid, 'the bytes have another hash')
  return decodeTrustedBlock(cid, bytes)
}

/** As `decodeBlock`, for bytes whose hash was checked before they were stored. */
export function decodeTrustedBlock(cid: CID, bytes: Uint8Array): CrdtBlock {
  const { Links, Data } = decodeNode(cid, bytes)
  const links = Links.map((link) => link.Hash as CID)
  const foreign = links.find((link) => !isBlockCid(link))
  if (foreign !== undefined) throw refusal('content', cid, `it links to ${foreign}, no block of a pinset`)
  return { cid, bytes, id: blockIdOf(cid), links, delta: readDelta(cid, Data) }
}

/** Orders by bytes, as `Array.prototype.sort` wants it. */
export function compareCids(a: CID, b: CID): number {
  return compareBytes(a.bytes, b.bytes)
}

/** Unsigned, byte by byte; a longer text follows its own beginning. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

function decodeNode(cid: CID, bytes: Uint8Array): dagPb.PBNode {
  try {
    return dagPb.decode(bytes)
  } catch (cause) {
    throw refusal('content', cid, `it is no dag-pb node: ${messageOf(cause)}`, cause)
  }
}

function readDelta(cid: CID, data: Uint8Array | undefined): Delta {
  try {
    return decodeDelta(data ?? new Uint8Array(0))
  } catch (cause) {
    throw refusal('content', cid, messageOf(cause), cause)
  }
}

function refusal(fault: BlockFault, cid: CID, why: string, cause?: unknown): CrdtBlockError {
  return new CrdtBlockError(fault, `block ${cid}: ${why}`, { cause })
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return compareBytes(a, b) === 0
}
