/**
 * Whether bytes are what a CID says they are. Every block is checked on its way in and out of the block store, so that a
 * wrong byte from a peer, a gateway, a CAR file or the disk is never passed on.
 *
 * The hash functions are those that Kubo takes (boxo `verifcid`): no MD5, no truncation below 20 bytes.
 */
import { createHash } from 'node:crypto'
import { blake2b, blake2s } from '@noble/hashes/blake2.js'
import { blake3 } from '@noble/hashes/blake3.js'
import { keccak_224, keccak_256, keccak_384, keccak_512 } from '@noble/hashes/sha3.js'
import type { CID } from 'multiformats/cid'
import { UnsupportedHashError } from '../errors.ts'

/** The longest digest that an identity CID may carry, bytes (Kubo's bound). */
const maxIdentityLength = 128
const minDigestLength = 20

/** Throws `UnsupportedHashError` when nothing can be said about CIDs of this hash function. */
export function isBlockOf(cid: CID, bytes: Uint8Array): boolean {
  assertCheckable(cid)
  const { code, digest } = cid.multihash
  const computed = code === identity ? bytes : digestOf(code, digest.length, bytes)!
  if (computed.length < digest.length || (code === identity && computed.length > digest.length)) return false
  for (let index = 0; index < digest.length; index++) {
    if (computed[index] !== digest[index]) return false
  }
  return true
}

/** Throws `UnsupportedHashError` unless blocks of this CID can be checked. */
export function assertCheckable(cid: CID): void {
  const { code, size } = cid.multihash
  if (code === identity) {
    if (size > maxIdentityLength) {
      throw new UnsupportedHashError(
        cid,
        `it holds ${size} bytes itself, at most ${maxIdentityLength} are taken`,
      )
    }
    return
  }
  if (!isKnown(code))
    throw new UnsupportedHashError(cid, `its hash function 0x${code.toString(16)} is not supported`)
  if (size < minDigestLength) {
    throw new UnsupportedHashError(
      cid,
      `its digest of ${size} bytes is too short, at least ${minDigestLength} are needed`,
    )
  }
}

/** The block that the CID itself holds (identity hash). */
export function inlineBlock(cid: CID): Uint8Array | undefined {
  return cid.multihash.code === identity ? cid.multihash.digest : undefined
}

/** The digest of `size` bytes; undefined for hash functions that are not taken. */
export function digestOf(code: number, size: number, bytes: Uint8Array): Uint8Array | undefined {
  const native = nativeNames[code]
  if (native !== undefined) return createHash(native).update(bytes).digest()
  if (code === doubleSha256) {
    return createHash('sha256').update(createHash('sha256').update(bytes).digest()).digest()
  }
  if (code === blake2b256) return new Bun.CryptoHasher('blake2b256').update(bytes).digest()
  if (isBlake2b(code)) return blake2b(bytes, { dkLen: code - blake2bBase })
  if (isBlake2s(code)) return blake2s(bytes, { dkLen: code - blake2sBase })
  if (code === blake3Code) return blake3(bytes, { dkLen: size })
  return keccaks[code]?.(bytes)
}

// Codes of the multicodec table.
const identity = 0x00
const doubleSha256 = 0x56
const blake3Code = 0x1e
/** `blake2b-8` less one: the code of a digest of n bytes is the base plus n. */
const blake2bBase = 0xb200
const blake2sBase = 0xb240
const blake2b256 = 0xb220
const nativeNames: Record<number, string> = {
  17: 'sha1',
  18: 'sha256',
  19: 'sha512',
  20: 'sha3-512',
  21: 'sha3-384',
  22: 'sha3-256',
  23: 'sha3-224',
}
const keccaks: Record<number, (bytes: Uint8Array) => Uint8Array> = {
  26: keccak_224,
  27: keccak_256,
  28: keccak_384,
  29: keccak_512,
}

const isBlake2b = (code: number) => code >= blake2bBase + minDigestLength && code <= blake2bBase + 64
const isBlake2s = (code: number) => code >= blake2sBase + minDigestLength && code <= blake2sBase + 32

function isKnown(code: number): boolean {
  return (
    code in nativeNames ||
    code in keccaks ||
    code === doubleSha256 ||
    code === blake3Code ||
    isBlake2b(code) ||
    isBlake2s(code)
  )
}
