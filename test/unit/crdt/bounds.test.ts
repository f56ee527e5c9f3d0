import { describe, expect, test } from 'bun:test'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { parseBlockId } from '../../../core/crdt/block-id.ts'
import { decodeBroadcast, encodeBroadcasts } from '../../../core/crdt/broadcast.ts'
import { PendingDelta } from '../../../core/crdt/builder.ts'
import { decodeBlock } from '../../../core/crdt/dag-node.ts'
import { decodeDelta, encodeDelta } from '../../../core/crdt/delta.ts'
import { HeadSet } from '../../../core/crdt/heads.ts'
import {
  DELTA_BYTES,
  DELTA_OPERATIONS,
  MAX_BLOCK_BYTES,
  MAX_BROADCAST_BYTES,
  MAX_BROADCAST_HEADS,
  MAX_DELTA_ENTRIES,
  MAX_PARENTS,
} from '../../../core/crdt/limits.ts'
import { sha256 } from '../../../core/crdt/sha256.ts'
import { ProtobufWriter } from '../../../core/pin/protobuf.ts'
import { chain, putBlock } from '../../support/crdt-blocks.ts'
import { fromHex, toHex } from '../../support/hex.ts'
import { MemoryPinset } from '../../support/memory-pinset.ts'

const blockId = 'CIQBOJZWHZEHP5Y2LUOJPGMGAY4LUQL3PAHYFJJ3LWPL6NZ3WUOXAVI'

function named(bytes: Uint8Array): CID {
  return CID.createV1(0x70, createDigest(0x12, sha256(bytes)))
}

/** CIDs of blocks that nobody wrote. */
function inventedCids(count: number): CID[] {
  return Array.from({ length: count }, (_, i) => {
    const digest = new Uint8Array(32)
    new DataView(digest.buffer).setUint32(0, i)
    return CID.createV1(0x70, createDigest(0x12, digest))
  })
}

describe('a delta that is read', () => {
  test('leaves out entries that can mean nothing to a pinset, so that blocks on top of it can be merged', () => {
    const writer = new ProtobufWriter()
    const entry = (field: 1 | 2, key: string, id: string) =>
      writer.message(field, () => {
        writer.string(1, key)
        writer.string(2, id)
      })
    for (const key of ['/a', 'a', '', `/${'A'.repeat(5000)}`]) entry(1, key, '')
    for (const id of [`/${blockId}`, blockId, `//${blockId}`, '', '/x', `/${blockId.toLowerCase()}`])
      entry(2, '/b', id)
    expect(decodeDelta(writer.finish())).toEqual({
      priority: 0n,
      elements: [{ key: '/a', value: new Uint8Array(0) }],
      tombstones: [
        { key: '/b', blockId },
        { key: '/b', blockId },
      ],
    })
  })

  test('has a bound on its bytes, entries and priority', () => {
    expect(() => decodeDelta(new Uint8Array(MAX_BLOCK_BYTES + 1))).toThrow(/at most 4194304 are read/)
    const full = new Uint8Array(2 * MAX_DELTA_ENTRIES).map((_, i) => (i % 2 === 0 ? 0x0a : 0))
    expect(decodeDelta(full).elements).toEqual([])
    const over = new Uint8Array([...full, 0x12, 0])
    expect(() => decodeDelta(over)).toThrow(/more than 65536 entries/)
    expect(decodeDelta(fromHex('18ffffffffffffffff7f')).priority).toBe(2n ** 63n - 1n)
    expect(() => decodeDelta(fromHex('1880808080808080808001'))).toThrow(/out of range/)
  })

  test('has values that are views into its bytes', () => {
    const bytes = encodeDelta({
      priority: 1n,
      elements: [{ key: '/a', value: Uint8Array.of(7, 8) }],
      tombstones: [],
    })
    expect(decodeDelta(bytes).elements[0]?.value.buffer).toBe(bytes.buffer)
  })

  const faults = ['0aff', '0a030a01ff', '18', '0a0208']
  for (const hex of faults) {
    test(`${hex} is refused`, () => {
      expect(() => decodeDelta(fromHex(hex))).toThrow(expect.objectContaining({ name: 'DeltaDecodeError' }))
    })
  }
})

describe('an id of a tombstone', () => {
  test('that no block can have is told apart', () => {
    expect(parseBlockId(`/${blockId}`)).toBe(blockId)
    const bad = [
      blockId.slice(1),
      `${blockId}A`,
      blockId.replace('CIQ', 'CIA'),
      blockId.replace(/I$/, 'J'),
      '1'.repeat(55),
    ]
    for (const text of bad) expect(parseBlockId(text)).toBeUndefined()
  })
})

describe('a block that is read', () => {
  const [block] = chain(1)
  const { cid, bytes } = block!

  test('is refused with the fault that says whether another source may help', () => {
    const cases: [CID, Uint8Array, string][] = [
      [cid, bytes.slice(1), 'hash'],
      [CID.createV1(0x55, cid.multihash), bytes, 'cid'],
      [CID.createV0(cid.multihash as never), bytes, 'cid'],
      [named(new Uint8Array(MAX_BLOCK_BYTES + 1)), new Uint8Array(MAX_BLOCK_BYTES + 1), 'size'],
      [named(Uint8Array.of(1)), Uint8Array.of(1), 'content'],
      [named(Uint8Array.of(0x0a, 1, 0xff)), Uint8Array.of(0x0a, 1, 0xff), 'content'],
    ]
    for (const [name, content, fault] of cases) {
      expect(() => decodeBlock(name, content)).toThrow(
        expect.objectContaining({ name: 'CrdtBlockError', fault }),
      )
    }
  })

  test('is refused when it links to what is no block of a pinset', () => {
    const foreign = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
    const linking = dagPb.encode({
      Links: [{ Hash: foreign, Name: '', Tsize: 0 }],
      Data: Uint8Array.of(0x18, 1),
    })
    expect(() => decodeBlock(named(linking), linking)).toThrow(/links to bafkrei/)
  })

  test('may have its links in another order, and no data', () => {
    const [low, high] = inventedCids(2) as [CID, CID]
    const link = (cid: CID) => `122a0a24${toHex(cid.bytes)}12001800`
    const unsorted = fromHex(link(high) + link(low))
    const read = decodeBlock(named(unsorted), unsorted)
    expect(read.links.map(String)).toEqual([String(high), String(low)])
    expect(read.delta).toEqual({ priority: 0n, elements: [], tombstones: [] })
  })
})

describe('a broadcast', () => {
  const [head] = inventedCids(1)
  const hex = toHex(encodeBroadcasts([head!])[0]!)

  test('may have unknown fields inside a head, of later versions', () => {
    const later = fromHex(`0a29${hex.slice(4)}${'120161'}`)
    expect(decodeBroadcast(later).map(String)).toEqual([String(head)])
  })

  test('names each head once', () => {
    expect(decodeBroadcast(fromHex(hex + hex))).toHaveLength(1)
  })

  const faults: [string, string][] = [
    [`${hex}1000`, 'an unknown field at the top'],
    [toHex(head!.bytes), 'a bare CID, the old form'],
    ['0a00', 'a head without a CID'],
    ['0a040a020102', 'a head that is no CID'],
    [hex.slice(0, -2), 'the end cut off'],
    ['0801', 'heads of another wire type'],
  ]
  for (const [bytes, what] of faults) {
    test(`with ${what} is dropped`, () => {
      expect(() => decodeBroadcast(fromHex(bytes))).toThrow(
        expect.objectContaining({ name: 'BroadcastDecodeError' }),
      )
    })
  }

  test('of more heads than fit becomes several', () => {
    const heads = inventedCids(MAX_BROADCAST_HEADS + 1)
    const messages = encodeBroadcasts(heads)
    expect(messages).toHaveLength(2)
    expect(messages.flatMap((bytes) => decodeBroadcast(bytes)).map(String)).toEqual(heads.map(String))
    expect(() => decodeBroadcast(new Uint8Array(MAX_BROADCAST_BYTES + 1))).toThrow(/at most 1048576/)
  })
})

describe('the next delta', () => {
  test('takes puts up to its bytes, and one larger put when it is empty', () => {
    const pending = new PendingDelta()
    const half = new Uint8Array(DELTA_BYTES / 2)
    expect(pending.put('/a', half)).toBe(true)
    expect(pending.put('/b', half)).toBe(false)
    expect(pending.put('/a', half)).toBe(true)
    expect(pending.isFull).toBe(false)
    expect(pending.encode(2n ** 63n - 1n).length).toBeLessThanOrEqual(pending.bytes)

    const large = new PendingDelta()
    expect(large.put('/a', new Uint8Array(DELTA_BYTES + 1))).toBe(true)
    expect(large.isFull).toBe(true)
  })

  test('is full after so many operations', () => {
    const pending = new PendingDelta()
    for (let i = 0; i < DELTA_OPERATIONS; i++) {
      expect(pending.isFull).toBe(false)
      expect(pending.put('/a', Uint8Array.of(i))).toBe(true)
    }
    expect(pending.isFull).toBe(true)
    expect(pending.put('/a', Uint8Array.of(1))).toBe(false)
  })

  test('tells what later requests must see', () => {
    const pending = new PendingDelta()
    expect(pending.get('/a')).toBeUndefined()
    pending.put('/a', Uint8Array.of(1))
    expect(pending.get('/a')).toEqual({ kind: 'put', value: Uint8Array.of(1) })
    pending.remove('/a', [])
    expect(pending.get('/a')).toBeUndefined()
    expect(pending.isEmpty).toBe(true)
    pending.remove('/a', [blockId])
    const { bytes } = pending
    pending.remove('/a', [blockId])
    expect(pending.bytes).toBe(bytes)
    expect(pending.get('/a')).toEqual({ kind: 'removed' })
    pending.put('/a', Uint8Array.of(2))
    expect(pending.get('/a')).toEqual({ kind: 'put', value: Uint8Array.of(2) })
    expect(pending.toDelta(1n).tombstones).toEqual([{ key: '/a', blockId }])
  })

  test('spreads the tombstones of a key with a long history over several, and shows no older value between them', () => {
    const key = `/${'K'.repeat(58)}`
    const pinset = new MemoryPinset()
    for (let i = 1; i <= 6000; i++) pinset.merge(putBlock(key, `${i}`, i))
    const last = pinset.values().get(key)
    let live = pinset.liveIds(key)
    expect(live).toHaveLength(6000)
    let deltas = 0
    while (live.length > 0) {
      expect(pinset.values().get(key)).toEqual(last)
      const pending = new PendingDelta()
      live = pending.remove(key, live)
      expect(pending.bytes).toBeLessThanOrEqual(DELTA_BYTES)
      pinset.merge(pinset.nextBlock((priority) => pending.encode(priority)))
      deltas++
    }
    expect(deltas).toBe(2)
    expect(pinset.values().size).toBe(0)
  })
})

describe('heads', () => {
  test('are all joined by the next block, in the order of their bytes', () => {
    const heads = inventedCids(3).map((cid, i) => ({ cid, priority: BigInt(10 - i) }))
    const set = new HeadSet(heads.toReversed())
    expect(set.nextParents().map(String)).toEqual(heads.map(({ cid }) => String(cid)))
    expect(set.nextPriority()).toBe(11n)
  })

  test('beyond the bound wait for a later block, the lowest of them', () => {
    const heads = inventedCids(MAX_PARENTS + 2).map((cid, i) => ({ cid, priority: BigInt(i + 1) }))
    const set = new HeadSet(heads)
    const parents = set.nextParents()
    expect(parents).toHaveLength(MAX_PARENTS)
    const [next] = inventedCids(MAX_PARENTS + 3).slice(-1)
    set.merge({ cid: next!, links: parents, priority: set.nextPriority() })
    expect(set.list().map(({ priority }) => priority)).toEqual([1n, 2n, BigInt(MAX_PARENTS + 3)])
    set.merge({
      cid: inventedCids(MAX_PARENTS + 4).at(-1)!,
      links: set.nextParents(),
      priority: set.nextPriority(),
    })
    expect(set.size).toBe(1)
  })

  test('of none give the first block priority 1', () => {
    expect(new HeadSet().nextPriority()).toBe(1n)
    expect(new HeadSet().nextParents()).toEqual([])
  })
})
