/**
 * Block ids: how deltas and keys name the block that added an element. An id is the upper-case base32, without padding,
 * of the block's multihash; on the wire a slash goes before it (`spec/wire.md` §3.3).
 */
import { base32upper } from 'multiformats/bases/base32'
import { CID } from 'multiformats/cid'
import { decode as decodeMultihash } from 'multiformats/hashes/digest'

/** `CIQ…`: 55 characters for sha2-256. */
export type BlockId = string

export const DAG_PB = 0x70
export const SHA2_256 = 0x12

const ID_LENGTH = 55

export function blockIdOf(cid: CID): BlockId {
  return base32upper.baseEncode(cid.multihash.bytes)
}

/** The CID of a block of the pinset: version 1, dag-pb. `id` comes from `blockIdOf` or `parseBlockId`. */
export function blockCid(id: BlockId): CID {
  return CID.createV1(DAG_PB, decodeMultihash(base32upper.baseDecode(id) as Uint8Array<ArrayBuffer>))
}

/** True for the only kind of CID that blocks of the pinset have: version 1, dag-pb, sha2-256. */
export function isBlockCid(cid: CID): boolean {
  const { version, code, multihash } = cid
  return version === 1 && code === DAG_PB && multihash.code === SHA2_256 && multihash.digest.length === 32
}

/**
 * Reads the id of a tombstone. Undefined for a text that no block can have: such a tombstone kills nothing, ever. Go
 * takes an id also without the slash.
 */
export function parseBlockId(text: string): BlockId | undefined {
  const id = text.startsWith('/') ? text.slice(1) : text
  if (id.length !== ID_LENGTH) return undefined
  try {
    const bytes = base32upper.baseDecode(id)
    const isSha256 = bytes.length === 34 && bytes[0] === SHA2_256 && bytes[1] === 32
    return isSha256 && base32upper.baseEncode(bytes) === id ? id : undefined
  } catch {
    return undefined
  }
}
