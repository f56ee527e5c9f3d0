/**
 * Who acts for a CID, so that of many peers that could one does: the peer whose ID is closest to the CID by the XOR of
 * their BLAKE2b-256 hashes, as in the original (`spec/behaviour.md` §1.5), and after it the next closest.
 */
import { blake2b } from '@noble/hashes/blake2.js'
import type { CID } from 'multiformats/cid'
import { peerIdBytes } from '../pin/peer-id.ts'
import type { PeerIdText } from '../pin/pin.ts'

export class Responsibility {
  readonly #peers: { id: PeerIdText; hash: Uint8Array }[]

  constructor(peers: Iterable<PeerIdText>) {
    this.#peers = [...peers].map((id) => ({ id, hash: hashOf(peerIdBytes(id)) }))
  }

  /** The closest peer; undefined when there is none. */
  first(cid: CID): PeerIdText | undefined {
    const key = hashOf(cid.bytes)
    const [first, ...others] = this.#peers
    if (first === undefined) return undefined
    return others.reduce((best, peer) => (isCloser(peer.hash, best.hash, key) ? peer : best), first).id
  }

  /** How many of the peers are closer than `peer`, which need not be one of them. */
  rank(cid: CID, peer: PeerIdText): number {
    const key = hashOf(cid.bytes)
    const own = hashOf(peerIdBytes(peer))
    return this.#peers.reduce((rank, { hash }) => rank + (isCloser(hash, own, key) ? 1 : 0), 0)
  }
}

function hashOf(bytes: Uint8Array): Uint8Array {
  return blake2b(bytes, { dkLen: 32 })
}

/** The distances first differ where the hashes do. */
function isCloser(one: Uint8Array, other: Uint8Array, key: Uint8Array): boolean {
  const at = one.findIndex((byte, index) => byte !== other[index])
  return at >= 0 && (one[at]! ^ key[at]!) < (other[at]! ^ key[at]!)
}
