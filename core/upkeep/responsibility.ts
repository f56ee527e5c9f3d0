/**
 * Who acts for a CID, so that of many peers that could one does: the peer whose ID is closest to the CID by the XOR of
 * their BLAKE2b-256 hashes, as in the original (`spec/behaviour.md` §1.5), and after it the next closest.
 */
import { blake2b } from '@noble/hashes/blake2.js'
import type { CID } from 'multiformats/cid'
import { peerIdBytes } from '../pin/peer-id.ts'
import type { PeerIdText } from '../pin/pin.ts'

export class Responsibility {
  readonly #hashes: ReadonlyMap<PeerIdText, Uint8Array>

  constructor(peers: Iterable<PeerIdText>) {
    this.#hashes = new Map([...peers].map((id) => [id, hashOfPeer(id)]))
  }

  /** The closest peer; undefined when there is none. */
  first(cid: CID): PeerIdText | undefined {
    const key = hashOf(cid.bytes)
    const [first, ...others] = this.#hashes
    if (first === undefined) return undefined
    const [id] = others.reduce((best, peer) => (isCloser(peer[1], best[1], key) ? peer : best), first)
    return id
  }

  /** How many of the peers are closer than `peer`, which need not be one of them. */
  rank(cid: CID, peer: PeerIdText): number {
    const key = hashOf(cid.bytes)
    const own = this.#hashes.get(peer) ?? hashOfPeer(peer)
    return [...this.#hashes.values()].filter((hash) => isCloser(hash, own, key)).length
  }
}

function hashOfPeer(peer: PeerIdText): Uint8Array {
  return hashOf(peerIdBytes(peer))
}

function hashOf(bytes: Uint8Array): Uint8Array {
  return blake2b(bytes, { dkLen: 32 })
}

/** The distances first differ where the hashes do. */
function isCloser(one: Uint8Array, other: Uint8Array, key: Uint8Array): boolean {
  const at = one.findIndex((byte, index) => byte !== other[index])
  return at >= 0 && (one[at]! ^ key[at]!) < (other[at]! ^ key[at]!)
}
