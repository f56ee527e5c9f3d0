/** Walks, links, hashes and sets of the embedded node, apart from the node. */
import { describe, expect, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import fc from 'fast-check'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { assertCheckable, isBlockOf } from '../../../core/ipfs/embedded/blocks/block-hash.ts'
import { IdSet } from '../../../core/ipfs/embedded/blocks/id-set.ts'
import { type DagPbLink, parseDagPb } from '../../../core/ipfs/embedded/dag/dag-pb-node.ts'
import { DagWalk } from '../../../core/ipfs/embedded/dag/dag-walk.ts'
import { isDagPbLeaf, linksIn } from '../../../core/ipfs/embedded/dag/node-links.ts'
import { decodeDagPb } from '../../../core/ipfs/embedded/dag/unixfs-node.ts'
import { textBytes } from './dag-fixtures.ts'

const cborCode = 0x71

describe('a walk', () => {
  test('visits each block once, also below nodes with more links than it keeps at a time', async () => {
    const depth = 7
    const width = 4_000
    // Each node links to its leaves and, last, to the next node: all of them are on the way when the last one is reached.
    const linksOfNode = (id: number) => {
      if (id >= depth) return []
      const leaves = Array.from({ length: width }, (_, index) => depth + id * width + index)
      return id + 1 < depth ? [...leaves, leaves[0]!, id + 1] : leaves
    }
    const visits = new Uint8Array(depth + depth * width)
    const walk = new DagWalk({
      concurrency: 1,
      signal: new AbortController().signal,
      locate: (cid) => ({ id: idOf(cid), size: 1, leaf: false, fresh: 0 }),
      obtain: async () => undefined,
      read: async (cid) => dagCbor.encode(linksOfNode(idOf(cid)).map(cidOf)),
      onVisit: (cid) => visits[idOf(cid)]!++,
    })
    await walk.run(cidOf(0))
    expect(visits.every((count) => count === 1)).toBe(true)
    expect(walk.visited.size).toBe(visits.length)
  })

  test('follows bytes as a node that it has met as a plain block before', async () => {
    const child = cidOf(3)
    const bytes = dagCbor.encode([child])
    const visited: number[] = []
    const node = cidOf(2)
    const walk = new DagWalk({
      concurrency: 1,
      signal: new AbortController().signal,
      locate: (cid) => ({ id: idOf(cid), size: 1, leaf: false, fresh: 0 }),
      obtain: async () => undefined,
      read: async (cid) =>
        idOf(cid) === 1 ? dagCbor.encode([CID.createV1(0x55, node.multihash), node]) : bytes,
      onVisit: (cid) => visited.push(idOf(cid)),
    })
    await walk.run(CID.createV1(0x55, node.multihash))
    await walk.run(node)
    expect(visited).toEqual([2, 3])
  })

  test('ends with the first error, and stops what is on its way', async () => {
    const stopped = Promise.withResolvers<unknown>()
    const walk = new DagWalk({
      concurrency: 8,
      signal: new AbortController().signal,
      locate: (cid) => (idOf(cid) === 0 ? { id: 0, size: 1, leaf: false, fresh: 0 } : undefined),
      obtain: (cid, signal) => {
        if (idOf(cid) === 3) return Promise.reject(new Error('broken'))
        return new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            stopped.resolve(signal.reason)
            reject(signal.reason)
          })
        })
      },
      read: async () => dagCbor.encode([1, 2, 3].map(cidOf)),
    })
    await expect(walk.run(cidOf(0))).rejects.toThrow('broken')
    expect(String(await stopped.promise)).toContain('broken')
  })
})

describe('links', () => {
  const linksOf = (codec: number, bytes: Uint8Array) =>
    [...linksIn(CID.createV1(codec, cidOf(9).multihash), bytes)].filter((link) => link !== undefined)

  test('are an error that says so when the bytes are not sound', () => {
    const link = dagPb.encode(dagPb.createNode(new Uint8Array(), [{ Name: 'a', Hash: cidOf(1), Tsize: 1 }]))
    const broken: [number, Uint8Array][] = [
      [0x70, Uint8Array.of(0xff)],
      [0x70, link.subarray(0, -1)],
      [0x70, Uint8Array.of(0x0a, 0x00, 0x0a, 0x00)],
      [0x70, Uint8Array.of(0x12, 0x02, 0x18, 0x01)],
      [0x71, new Uint8Array(100_000).fill(0x81)],
      [0x71, Uint8Array.of(0x80, 0x80)],
      [0x71, Uint8Array.of(0xd8, 0x2a, 0x41, 0x00)],
      [0x71, Uint8Array.of(0xd8, 0x2b, 0x00)],
      [0x71, Uint8Array.of(0xa1, 0x01, 0x01)],
      [0x0129, textBytes('[1,2')],
      [0x0129, textBytes('{"/":"nope"}')],
      [0x0129, textBytes(`{"/":"${cidOf(1)}","a":1}`)],
      [0x0129, textBytes('[] []')],
    ]
    for (const [codec, bytes] of broken) expect(() => linksOf(codec, bytes)).toThrow('not sound')
  })

  test('of blocks of an unknown codec are none: they are leaves', () => {
    expect(linksOf(0x78, textBytes('git'))).toEqual([])
  })

  test('of every codec are those that its own library decodes, in their order', () => {
    fc.assert(
      fc.property(
        fc.object({
          values: [fc.string(), fc.integer(), fc.boolean(), fc.constant(null), fc.nat(20).map(cidOf)],
        }),
        (value) => {
          const expected = linksOfValue(value).map(String).toSorted()
          expect(linksOf(0x71, dagCbor.encode(value)).map(String).toSorted()).toEqual(expected)
          expect(linksOf(0x0129, dagJson.encode(value)).map(String).toSorted()).toEqual(expected)
        },
      ),
    )
    fc.assert(
      fc.property(
        fc.array(fc.record({ Name: fc.string(), Hash: fc.nat(20).map(cidOf), Tsize: fc.nat() })),
        (links) => {
          const bytes = dagPb.encode(dagPb.prepare({ Data: textBytes('x'), Links: links }))
          const decoded = dagPb.decode(bytes).Links
          expect(linksOf(0x70, bytes).map(String)).toEqual(decoded.map(({ Hash }) => String(Hash)))
          expect([...parseDagPb(cidOf(9), bytes).links]).toEqual(decoded as DagPbLink[])
        },
      ),
    )
  })

  test('are refused beyond 65,536 of one node, before they are decoded', () => {
    const empty = CID.createV1(0x55, Digest.decode(Uint8Array.of(0, 0)))
    const wide = dagPb.encode({ Links: Array.from({ length: 65_537 }, () => ({ Hash: empty })) })
    expect(() => linksOf(0x70, wide)).toThrow('more than 65536 links')
    expect(() => decodeDagPb(cidOf(9), wide)).toThrow('more than 65536 links')
    const sizes = new UnixFS({ type: 'file', blockSizes: Array.from({ length: 70_000 }, () => 1n) }).marshal()
    expect(() => decodeDagPb(cidOf(9), dagPb.encode({ Links: [], Data: sizes }))).toThrow(
      'more than 65536 fields',
    )
  })

  test('are told to be none from the bytes of leaves alone', () => {
    const leaf = dagPb.encode(
      dagPb.createNode(new UnixFS({ type: 'file', data: new Uint8Array(300) }).marshal(), []),
    )
    const link = { Name: '', Hash: cidOf(1), Tsize: 1 }
    const node = dagPb.encode(dagPb.createNode(new UnixFS({ type: 'directory' }).marshal(), [link]))
    const dataFirst = Buffer.concat([
      leaf,
      dagPb.encode(dagPb.createNode(new Uint8Array(), [link])).subarray(0, -2),
    ])
    expect([leaf, new Uint8Array()].map(isDagPbLeaf)).toEqual([true, true])
    expect([node, dataFirst, leaf.subarray(0, -1), Uint8Array.of(0x0a)].map(isDagPbLeaf)).toEqual([
      false,
      false,
      false,
      false,
    ])
  })
})

describe('the hash of a block', () => {
  // Of the text "hello", each from another program.
  const digests: Record<string, [number, string]> = {
    'sha2-256': [0x12, '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'],
    'sha2-256, cut to 20 bytes': [0x12, '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c'],
    'double sha2-256': [0x56, '9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50'],
    'sha3-256': [0x16, '3338be694f50c5f338814986cdf0686453a888b84f424d792af4b9202398f392'],
    'keccak-256': [0x1b, '1c8aff950685c2ed4bc3174f3472287b56d9517b9c948127319a09a7a36deac8'],
    'blake2b-256': [0xb220, '324dcf027dd4a30a932c441f365a25e86b173defa4b8e58948253471b81b72cf'],
    'blake2s-256': [0xb260, '19213bacc58dee6dbde3ceb9a47cbb330b3d86f8cca8997eb00be456f140ca25'],
    blake3: [0x1e, 'ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f'],
  }
  const hello = new TextEncoder().encode('hello')
  for (const [name, [code, digest]] of Object.entries(digests)) {
    test(`is checked: ${name}`, () => {
      const cid = CID.createV1(0x55, Digest.create(code, Buffer.from(digest, 'hex')))
      expect(isBlockOf(cid, hello)).toBe(true)
      expect(isBlockOf(cid, hello.subarray(1))).toBe(false)
    })
  }

  test('is refused when it is too short to mean anything, or of an unknown function', () => {
    const short = CID.createV1(0x55, Digest.create(0x12, new Uint8Array(19)))
    expect(() => assertCheckable(short)).toThrow('too short')
    expect(() => assertCheckable(CID.createV1(0x55, Digest.create(0xd5, new Uint8Array(20))))).toThrow('0xd5')
    expect(() => assertCheckable(CID.createV1(0x55, Digest.create(0, new Uint8Array(129))))).toThrow('128')
  })
})

test('a set of ids has what was added, and each once', () => {
  const set = new IdSet()
  const ids = [1, 0, 7, 8, 65_535, 65_536, 10_000_000_000]
  expect(ids.map((id) => set.add(id))).toEqual(ids.map(() => true))
  expect(ids.map((id) => set.add(id))).toEqual(ids.map(() => false))
  expect([2, 9, 65_537, 131_072].some((id) => set.has(id))).toBe(false)
  expect([...set].sort((a, b) => a - b)).toEqual(ids.toSorted((a, b) => a - b))
  expect(set.size).toBe(ids.length)
})

/** CIDs that say which block they are of. */
function cidOf(id: number): CID {
  const digest = new Uint8Array(32)
  new DataView(digest.buffer).setUint32(0, id)
  return CID.createV1(cborCode, Digest.create(0x12, digest))
}

function idOf(cid: CID): number {
  const { digest } = cid.multihash
  return new DataView(digest.buffer, digest.byteOffset).getUint32(0)
}

function linksOfValue(value: unknown): CID[] {
  if (typeof value !== 'object' || value === null) return []
  const cid = CID.asCID(value)
  return cid === null ? Object.values(value).flatMap(linksOfValue) : [cid]
}
