/** CARs that other tools write, and CARs of which something is missing. */
import { describe, expect, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as Digest from 'multiformats/hashes/digest'
import type { IpfsBlock } from '../../../core/runtime/ipfs.ts'
import { file } from './add-rig.ts'
import { addCar, blockOf, blocksOf, fileBlocks, makeCar, makeCar2 } from './car-rig.ts'
import { mixedBytes } from './mixed-bytes.ts'

const gitRaw = 0x78
const dagJose = 0x85
const cbor = 0x51
const json = 0x0200

const keysOf = (blocks: IpfsBlock[]) => blocks.map(({ cid }) => cid.toString())
const inline = (bytes: Uint8Array, code: number) => CID.create(1, code, Digest.create(0, bytes))

describe('a CAR of version 2', () => {
  test('becomes the blocks of its data, however it comes and whatever is around them', async () => {
    const { root, blocks } = await fileBlocks()
    const car = await makeCar([root], blocks)
    for (const [layout, pieceLength] of [
      [{}, 1_000],
      [{ padding: 100_000, index: mixedBytes(200_000) }, 65_521],
      [{ padding: 100_000, index: mixedBytes(200_000) }, 10_000_000],
      // The index may begin with a byte that would be the length of a section.
      [{ padding: 1, index: Uint8Array.from([0x81, 0x08, 1, 2, 3]) }, 7],
    ] as const) {
      const added = await addCar(makeCar2(car, layout), pieceLength)
      expect([added.error, added.pinned]).toEqual([undefined, [root.toString()]])
      expect([...added.blocks.keys()]).toEqual(keysOf(blocks))
      expect(added.outputs.flatMap(({ warnings }) => warnings)).toEqual([])
    }
  })

  test('is refused before a block is stored when its header cannot be true', async () => {
    const { root, blocks } = await fileBlocks()
    const car = await makeCar([root], blocks)
    for (const layout of [
      { dataOffset: 0n },
      { dataOffset: 50n },
      { dataOffset: 2n ** 63n },
      { dataOffset: 2n ** 40n },
      { dataSize: 0n },
      { dataSize: 10n },
    ]) {
      const { error, blocks: stored, pinned } = await addCar(makeCar2(car, layout))
      expect([error?.name, stored.size, pinned]).toEqual(['CarError', 0, []])
      expect(error?.message).toContain('version 2')
    }
  })

  test('is refused when a block leaves the data, and when the data is cut short', async () => {
    const { root, blocks } = await fileBlocks()
    const car = await makeCar([root], blocks)
    const tooSmall = await addCar(makeCar2(car, { dataSize: BigInt(car.length - 1) }))
    expect(tooSmall.error?.message).toContain('goes on beyond the end of the data')
    const tooLarge = await addCar(makeCar2(car, { dataSize: BigInt(car.length + 1) }))
    expect(tooLarge.error?.message).toStartWith('unexpected EOF: the CAR file is cut short after')
    expect([tooSmall.pinned, tooLarge.pinned]).toEqual([[], []])
  })

  test('is not taken inside of another one', async () => {
    const { root, blocks } = await fileBlocks()
    const { error } = await addCar(makeCar2(makeCar2(await makeCar([root], blocks))))
    expect(error?.name).toBe('CarError')
  })
})

test('a file that go-car wrote, with an index of its blocks, becomes its folder', async () => {
  const added = await addCar(fromGoCar)
  expect(added.error).toBeUndefined()
  expect(added.outputs.map(({ warnings }) => warnings)).toEqual([[]])
  const root = 'bafybeiakgrehdxxgy5kca72znt6jllrj2sqkehtqeojfuxlbeuqg3vfkwq'
  expect([added.pinned, added.blocks.size]).toEqual([[root], 3])
  expect(dagPb.decode(added.blocks.get(root)!).Links.map(({ Name }) => Name)).toEqual(['a'])
})

describe('zeros', () => {
  test('end the data, as Filecoin tools fill a file up with them', async () => {
    const { root, blocks } = await fileBlocks()
    const car = await makeCar([root], blocks)
    for (const padding of [1, 100_000, 1_000_000]) {
      const padded = Buffer.concat([car, new Uint8Array(padding)])
      for (const file of [padded, makeCar2(padded, { index: mixedBytes(100) })]) {
        const { error, pinned, blocks: stored } = await addCar(file)
        expect([error, pinned]).toEqual([undefined, [root.toString()]])
        expect([...stored.keys()]).toEqual(keysOf(blocks))
      }
    }
  })

  test('are refused with their place when more than zeros follows them', async () => {
    const { root, blocks } = await fileBlocks()
    const car = await makeCar([root], blocks)
    const { error, pinned } = await addCar(
      Buffer.concat([car, new Uint8Array(100_000), Uint8Array.from([1])]),
    )
    expect([error?.name, pinned]).toEqual(['CarError', []])
    expect(error?.message).toStartWith(`malformed CAR file at byte ${car.length + 100_000}`)
  })
})

describe('a block', () => {
  test('of any codec is stored when its hash holds', async () => {
    const leaf = await blockOf(mixedBytes(10))
    const blocks = [
      await blockOf(dagJson.encode({ leaf: leaf.cid }), dagJson.code),
      leaf,
      await blockOf(dagCbor.encode({ a: 1 }), cbor),
      await blockOf(Buffer.from('{}'), json),
    ]
    for (const root of blocks) {
      const { error, blocks: stored, outputs } = await addCar(await makeCar([root.cid], blocks))
      expect([error, [...stored.keys()]]).toEqual([undefined, keysOf(blocks)])
      expect(outputs[0]?.warnings).toEqual([])
    }
  })

  test('of an unknown codec is stored as a leaf, which is said', async () => {
    const git = await blockOf(mixedBytes(50), gitRaw)
    const jose = await blockOf(mixedBytes(60), dagJose)
    const root = await blockOf(dagCbor.encode([git.cid, jose.cid]), dagCbor.code)
    const { error, blocks, outputs, pinned } = await addCar(await makeCar([root.cid], [root, git, jose]))
    expect([error, blocks.size, pinned]).toEqual([undefined, 3, [root.cid.toString()]])
    expect(outputs[0]?.warnings).toEqual([
      'what blocks of codec 0x78, 0x85 link to is not known here: they are stored, and no pin follows their links',
    ])
  })

  test('that is not what its codec says is stored, which is said', async () => {
    const root = await blockOf(mixedBytes(50), dagCbor.code)
    const { error, blocks, outputs } = await addCar(await makeCar([root.cid], [root]))
    expect([error, blocks.size]).toEqual([undefined, 1])
    expect(outputs[0]?.warnings?.[0]).toStartWith(`block ${root.cid} is not sound`)
  })

  test('that nests without end is stored, which is said', async () => {
    const deep = new Uint8Array(1_000_000).fill(0x81)
    const root = await blockOf(deep, dagCbor.code)
    const { error, blocks, outputs } = await addCar(await makeCar([root.cid], [root]))
    expect([error, blocks.size]).toEqual([undefined, 1])
    expect(outputs[0]?.warnings).toHaveLength(1)
  })
})

test('each of several roots is a line and a pin, and one that comes twice is one', async () => {
  const [a, b] = [await blockOf(mixedBytes(10)), await blockOf(mixedBytes(11))]
  const { error, outputs, pinned } = await addCar(await makeCar([a.cid, b.cid, a.cid], [a, b]))
  expect(error).toBeUndefined()
  expect(outputs.map(({ cid }) => String(cid))).toEqual(keysOf([a, b]))
  expect(pinned).toEqual(keysOf([a, b]))
})

test('a root with its content in the CID is pinned, with or without blocks', async () => {
  const empty = inline(new Uint8Array(0), raw.code)
  const leaf = await blockOf(mixedBytes(10))
  for (const blocks of [[], [{ cid: empty, bytes: new Uint8Array(0) }], [leaf]]) {
    const { error, outputs, pinned, blocks: stored } = await addCar(await makeCar([empty], blocks))
    expect([error, pinned, outputs[0]?.warnings]).toEqual([undefined, ['bafkqaaa'], []])
    expect([...stored.keys()]).toEqual(keysOf(blocks.filter((block) => block === leaf)))
  }
})

describe('a DAG that is not whole', () => {
  async function folder() {
    const parts = [file('photos/2024/cat.jpg', mixedBytes(600_000)), file('notes.txt', 'hello')]
    const { root, blocks } = await blocksOf(parts)
    const leaf = blocks[1]!
    return { root, blocks, leaf }
  }

  test('is taken, and the first missing block of each root is named with its path', async () => {
    const { root, blocks, leaf } = await folder()
    const rest = blocks.filter((block) => block !== leaf)
    const other = await blockOf(dagCbor.encode({ all: { photos: [root] } }), dagCbor.code)
    const whole = await blockOf(mixedBytes(10))
    const roots = [root, other.cid, whole.cid]
    // Children first as they are made, parents first, and in no order.
    const odd = [...rest.filter((_, at) => at % 2 === 1), other, ...rest.filter((_, at) => at % 2 === 0)]
    for (const order of [[...rest, other], [other, ...rest.toReversed()], odd]) {
      const { error, outputs, pinned } = await addCar(await makeCar(roots, [...order, whole]))
      expect([error, pinned]).toEqual([undefined, roots.map(String)])
      expect(outputs.map(({ warnings }) => warnings?.length)).toEqual([1, 1, 0])
      expect(outputs[0]?.warnings?.[0]).toStartWith(
        `block ${leaf.cid} of ${root}, at "photos/2024/cat.jpg", is not in the CAR file`,
      )
      expect(outputs[1]?.warnings?.[0]).toContain(`at "all/photos/0/photos/2024/cat.jpg",`)
    }
  })

  test('lacks its root when that is not there', async () => {
    const { root, blocks } = await folder()
    const { outputs } = await addCar(await makeCar([root], blocks.slice(0, 2)))
    expect(outputs[0]?.warnings?.[0]).toStartWith(`the root ${root} is not in the CAR file`)
  })

  test('is named by the names of a sharded folder, without the slots', async () => {
    const leaf = await blockOf(mixedBytes(10))
    const files = Array.from({ length: 1_300 }, (_, n) => file(`${n}-${'x'.repeat(200)}`, `${n}`))
    const { root, blocks } = await blocksOf(files)
    const missing = blocks[1_234]!
    const rest = blocks.filter((block) => block !== missing)
    const { outputs } = await addCar(await makeCar([root], [...rest, leaf]))
    expect(outputs[0]?.warnings?.[0]).toContain(`at "1234-${'x'.repeat(200)}",`)
  })

  test('is followed through links that carry their content', async () => {
    const leaf = await blockOf(mixedBytes(10))
    const inner = inline(dagCbor.encode({ x: leaf.cid }), dagCbor.code)
    const root = await blockOf(dagPb.encode({ Links: [{ Hash: inner, Name: 'a', Tsize: 1 }] }), dagPb.code)
    const { outputs } = await addCar(await makeCar([root.cid], [root]))
    expect(outputs[0]?.warnings?.[0]).toContain(`block ${leaf.cid} of ${root.cid}, at "a/x",`)
    const ofInline = await addCar(await makeCar([inner], [root]))
    expect(ofInline.outputs[0]?.warnings?.[0]).toContain(`block ${leaf.cid} of ${inner}, at "x",`)
  })

  test('of which the rest is not wanted by a root is not spoken of', async () => {
    const { blocks, leaf } = await folder()
    const root = await blockOf(mixedBytes(10))
    const rest = blocks.filter((block) => block !== leaf)
    const { outputs } = await addCar(await makeCar([root.cid], [root, ...rest]))
    expect(outputs[0]?.warnings).toEqual([])
  })

  test('with more than is remembered is taken, and it is said that it was not checked', async () => {
    const blocks: IpfsBlock[] = []
    for (let n = 0; n < 20; n++) {
      const Links = Array.from({ length: 20 }, (_, at) => ({
        Hash: madeUp(n * 20 + at),
        Name: `${at + 10}`.padEnd(100_000, '-'),
        Tsize: 1,
      }))
      blocks.push(await blockOf(dagPb.encode({ Links }), dagPb.code))
    }
    const root = await blockOf(dagCbor.encode(blocks.map(({ cid }) => cid)), dagCbor.code)
    const { error, outputs, blocks: stored } = await addCar(await makeCar([root.cid], [root, ...blocks]))
    expect([error, stored.size]).toEqual([undefined, 21])
    expect(outputs[0]?.warnings).toEqual(['it has too many blocks to tell whether its DAG is whole'])
    // Half of it is not too much.
    const less = await addCar(await makeCar([root.cid], [root, ...blocks.slice(0, 10)]))
    expect(less.outputs[0]?.warnings?.[0]).toContain('is not in the CAR file')
  })
})

/** A CID of which nobody has the block. */
function madeUp(number: number): CID {
  const digest = Buffer.alloc(32)
  digest.writeUInt32BE(number)
  return CID.create(1, raw.code, Digest.create(0x12, digest))
}

/** `v2/testdata/sample-unixfs-v2.car` of github.com/ipld/go-car, version 2.16.0: written by that library. */
const fromGoCar = Buffer.from(
  [
    'CqFndmVyc2lvbgIAAAAAAAAAAAAAAAAAAAAAMwAAAAAAAAAcAQAAAAAAAE8BAAAAAAAAOqJlcm9vdHOB2CpYJQABcBIgCjRIcd7m',
    'x1Qgf1ls/JWuKdSgoh5wI5JaXWElIG3UqrRndmVyc2lvbgEwAVUSIKlIkE8vD0ebj4GXaUswGEsNLtHBzSoewPuF0pmhkqRHaGVs',
    'bG8gd29ybGQKWQFwEiDLzhI4afhVrwPMSXUsGwWDICC3uKwc63yOSstnHfZ5gRIvCiQBVRIgqUiQTy8PR5uPgZdpSzAYSw0u0cHN',
    'Kh7A+4XSmaGSpEcSBWIudHh0GAwKAggBVQFwEiAKNEhx3ubHVCB/WWz8la4p1KCiHnAjklpdYSUgbdSqtBIrCiQBcBIgy84SOGn4',
    'Va8DzEl1LBsFgyAgt7isHOt8jkrLZx32eYESAWEYAAoCCAGBCAEAAAASAAAAAAAAAAEAAAAoAAAAeAAAAAAAAAAKNEhx3ubHVCB/',
    'WWz8la4p1KCiHnAjklpdYSUgbdSqtMYAAAAAAAAAqUiQTy8PR5uPgZdpSzAYSw0u0cHNKh7A+4XSmaGSpEc7AAAAAAAAAMvOEjhp',
    '+FWvA8xJdSwbBYMgILe4rBzrfI5Ky2cd9nmBbAAAAAAAAAA=',
  ].join(''),
  'base64',
)
