/** The hash of blocks, synchronous. A peer hands in the native one, which is about ten times as fast. */
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'

/** Returns the 32 bytes of SHA2-256. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array

export const sha256: Sha256 = (bytes) => nobleSha256(bytes)
