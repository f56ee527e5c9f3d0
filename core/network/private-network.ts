/** The cluster secret as the key of the private network, and the fingerprint by which people compare it (`spec/wire.md` §1.1). */
import { salsa20 } from '@noble/ciphers/salsa.js'
import { shake128 } from '@noble/hashes/sha3.js'

/** The file form of a pre-shared key. */
export function swarmKey(secret: Uint8Array): string {
  return `/key/swarm/psk/1.0.0/\n/base16/\n${Buffer.from(secret).toString('hex')}`
}

const keystreamBytes = 64
const fingerprintBytes = 16

/** 32 hex digits that tell one secret from another and nothing else about it; the same that Kubo shows. */
export function secretFingerprint(secret: Uint8Array): string {
  const keystream = salsa20(secret, new TextEncoder().encode('finprint'), new Uint8Array(keystreamBytes))
  return Buffer.from(shake128(keystream, { dkLen: fingerprintBytes })).toString('hex')
}
