/**
 * How connections between libp2p hosts are encrypted, for the cluster's host and for the embedded IPFS node alike: TLS
 * first, whose ciphers are native, then noise for those who have nothing else.
 */
// The certificates of @libp2p/tls are read by a library that needs this one to be there before it.
import 'reflect-metadata'
import { noise, pureJsCrypto } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter } from '@libp2p/interface'
import { tls } from '@libp2p/tls'

/** In the order of preference. */
export function encrypters(): ((components: never) => ConnectionEncrypter)[] {
  // Noise's default crypto takes chacha20-poly1305 from node:crypto for messages above 1,200 bytes; Bun has none there.
  return [tls(), noise({ crypto: pureJsCrypto })]
}
