import { describe, expect, test } from 'bun:test'
import { peerIdBytes } from '../../../core/pin/peer-id.ts'
import { Responsibility } from '../../../core/upkeep/responsibility.ts'
import { cidOf, peerOf } from '../store/fixtures.ts'

const peers = Array.from({ length: 7 }, (_, index) => peerOf(`peer ${index}`))

/** As the original: BLAKE2b-256 of the bytes of both, and the distance between them as one number. */
function distance(cid: Uint8Array, peer: string): bigint {
  const hash = (bytes: Uint8Array) =>
    BigInt(`0x${new Bun.CryptoHasher('blake2b256').update(bytes).digest('hex')}`)
  return hash(cid) ^ hash(peerIdBytes(peer))
}

describe('the peer responsible for a CID', () => {
  test('is the one whose hash is closest by XOR, and the others follow by their distance', () => {
    const responsibility = new Responsibility(peers)
    for (let index = 0; index < 50; index++) {
      const cid = cidOf(`content ${index}`)
      const byDistance = peers.toSorted((a, b) => (distance(cid.bytes, a) < distance(cid.bytes, b) ? -1 : 1))
      expect(responsibility.first(cid)).toBe(byDistance[0]!)
      expect(byDistance.map((peer) => responsibility.rank(cid, peer))).toEqual([0, 1, 2, 3, 4, 5, 6])
    }
  })
  test('does not depend on the order in which the peers are given', () => {
    const cids = Array.from({ length: 20 }, (_, index) => cidOf(`content ${index}`))
    const [one, other] = [new Responsibility(peers), new Responsibility(peers.toReversed())]
    expect(cids.map((cid) => one.first(cid))).toEqual(cids.map((cid) => other.first(cid)))
  })
  test('is nobody where there are no peers', () => {
    expect(new Responsibility([]).first(cidOf('a'))).toBeUndefined()
    expect(new Responsibility([]).rank(cidOf('a'), peers[0]!)).toBe(0)
  })
})
