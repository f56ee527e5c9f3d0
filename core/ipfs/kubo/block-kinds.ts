/** What `block/put` must be told about a block: one codec and one hash function for a whole request. */
import type { CID } from 'multiformats/cid'

export interface BlockKind {
  codec: string
  hash: string
  /** Bytes of the digest. */
  length: number
}

/** True for CIDs that carry their content: no node stores their blocks. */
export function isInline(cid: CID): boolean {
  return cid.multihash.code === 0
}

/** Undefined when Kubo does not know the hash function by any name. */
export function kindOf(cid: CID): BlockKind | undefined {
  const hash = hashName(cid.multihash.code)
  if (hash === undefined) return undefined
  return { codec: codecName(cid.code), hash, length: cid.multihash.size }
}

/** Kubo takes names and, for codecs that have none here, numbers. */
function codecName(code: number): string {
  return codecNames[code] ?? `0x${code.toString(16)}`
}

function hashName(code: number): string | undefined {
  if (code >= 0xb201 && code <= 0xb240) return `blake2b-${(code - 0xb200) * 8}`
  if (code >= 0xb241 && code <= 0xb260) return `blake2s-${(code - 0xb240) * 8}`
  return hashNames[code]
}

/** From the multicodec table, https://github.com/multiformats/multicodec. */
const codecNames: Record<number, string> = {
  85: 'raw',
  112: 'dag-pb',
  113: 'dag-cbor',
  297: 'dag-json',
}

const hashNames: Record<number, string> = {
  17: 'sha1',
  18: 'sha2-256',
  19: 'sha2-512',
  20: 'sha3-512',
  21: 'sha3-384',
  22: 'sha3-256',
  23: 'sha3-224',
  24: 'shake-128',
  25: 'shake-256',
  26: 'keccak-224',
  27: 'keccak-256',
  28: 'keccak-384',
  29: 'keccak-512',
  30: 'blake3',
  86: 'dbl-sha2-256',
}
