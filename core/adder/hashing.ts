/**
 * The hash functions that blocks may be named by: those that Kubo takes too, the usual ones native. Names and codes are those
 * of the multicodec table.
 */
import { blake2b, blake2s } from '@noble/hashes/blake2.js'
import { blake3 } from '@noble/hashes/blake3.js'
import { keccak_224, keccak_256, keccak_384, keccak_512 } from '@noble/hashes/sha3.js'
import * as Digest from 'multiformats/hashes/digest'
import type { MultihashDigest } from 'multiformats/hashes/interface'
import { HashFunctionError } from './errors.ts'

/** Bytes of a digest below which a multihash names nothing safely, as in Kubo. */
const minDigestBytes = 20
/** Bytes that an identity multihash may carry, as in Kubo. */
export const maxIdentityBytes = 128
export const identityCode = 0x00

export interface HashFunction {
  name: string
  code: number
  /** Synchronous, and off any stream: for a block at a time. */
  sum(bytes: Uint8Array): Uint8Array
}

/** Rejects with `HashFunctionError`. */
export function hashFunctionNamed(name: string): HashFunction {
  const found = hashFunctions.find((each) => each.name === name.toLowerCase())
  if (found) return found
  // The first clause is what the original says.
  throw new HashFunctionError(
    `hash function name not known: ${JSON.stringify(name)}; use one such as sha2-256, sha2-512, blake2b-256, blake3`,
  )
}

export function multihash(hash: HashFunction, bytes: Uint8Array): MultihashDigest {
  return Digest.create(hash.code, hash.sum(bytes))
}

/** True when `bytes` are what `digest` names. Rejects with `HashFunctionError` where that cannot be told. */
export function isDigestOf(digest: MultihashDigest, bytes: Uint8Array): boolean {
  if (digest.code === identityCode) {
    return digest.size <= maxIdentityBytes && equal(digest.digest, bytes)
  }
  const hash = hashFunctions.find((each) => each.code === digest.code)
  if (!hash) throw new HashFunctionError(`hash function 0x${digest.code.toString(16)} is not known here`)
  const whole = hash.sum(bytes)
  if (digest.size < minDigestBytes || digest.size > whole.length) return false
  return equal(whole.subarray(0, digest.size), digest.digest)
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function native(algorithm: Bun.SupportedCryptoAlgorithms): (bytes: Uint8Array) => Uint8Array {
  return (bytes) => new Bun.CryptoHasher(algorithm).update(bytes).digest()
}

/** A family of functions whose codes count the bytes of their digests from `base`. */
function blake(
  name: string,
  base: number,
  longest: number,
  sum: (bytes: Uint8Array, length: number) => Uint8Array,
) {
  const lengths = Array.from({ length: longest - minDigestBytes + 1 }, (_, more) => minDigestBytes + more)
  return lengths.map((length) => ({
    name: `${name}-${length * 8}`,
    code: base + length,
    sum: (bytes: Uint8Array) => sum(bytes, length),
  }))
}

/** The digest is the content. */
function identity(bytes: Uint8Array): Uint8Array {
  if (bytes.length <= maxIdentityBytes) return bytes
  throw new HashFunctionError(
    `the hash identity carries at most ${maxIdentityBytes} bytes, and a block of this upload has ${bytes.length}: use another hash`,
  )
}

const sha256 = native('sha256')
const blake2b256 = native('blake2b256')

const hashFunctions: readonly HashFunction[] = [
  { name: 'identity', code: identityCode, sum: identity },
  { name: 'sha2-256', code: 0x12, sum: sha256 },
  { name: 'sha2-512', code: 0x13, sum: native('sha512') },
  { name: 'sha3-224', code: 0x17, sum: native('sha3-224') },
  { name: 'sha3-256', code: 0x16, sum: native('sha3-256') },
  { name: 'sha3-384', code: 0x15, sum: native('sha3-384') },
  { name: 'sha3-512', code: 0x14, sum: native('sha3-512') },
  { name: 'keccak-224', code: 0x1a, sum: keccak_224 },
  { name: 'keccak-256', code: 0x1b, sum: keccak_256 },
  { name: 'keccak-384', code: 0x1c, sum: keccak_384 },
  { name: 'keccak-512', code: 0x1d, sum: keccak_512 },
  { name: 'blake3', code: 0x1e, sum: (bytes) => blake3(bytes) },
  { name: 'dbl-sha2-256', code: 0x56, sum: (bytes) => sha256(sha256(bytes)) },
  { name: 'sha1', code: 0x11, sum: native('sha1') },
  ...blake('blake2b', 0xb200, 64, (bytes, length) =>
    length === 32 ? blake2b256(bytes) : blake2b(bytes, { dkLen: length }),
  ),
  ...blake('blake2s', 0xb240, 32, (bytes, length) => blake2s(bytes, { dkLen: length })),
]
