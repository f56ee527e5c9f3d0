import { describe, expect, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import { base16 } from 'multiformats/bases/base16'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import * as Digest from 'multiformats/hashes/digest'
import { sha256 } from 'multiformats/hashes/sha2'
import { add, file } from './add-rig.ts'
import { addCar, blockOf, fileBlocks, makeCar, makeCar2 } from './car-rig.ts'
import { mixedBytes } from './mixed-bytes.ts'

describe('a CAR', () => {
  test('becomes its blocks and a pin of its root', async () => {
    const { root, blocks } = await fileBlocks()
    for (const pieceLength of [1, 1_000, 10_000_000]) {
      const added = await addCar(
        await makeCar([root], blocks.slice(0, pieceLength === 1 ? 1 : 99)),
        pieceLength,
      )
      expect(added.error).toBeUndefined()
      expect(added.pinned).toEqual([root.toString()])
      if (pieceLength > 1) expect([...added.blocks.keys()]).toEqual(blocks.map(({ cid }) => cid.toString()))
    }
  })

  test('is one line, with the bytes of its blocks and the size of the file', async () => {
    const { root, blocks } = await fileBlocks()
    const { outputs } = await addCar(await makeCar([root], blocks))
    const bytes = blocks.reduce((sum, block) => sum + block.bytes.length, 0)
    expect(outputs).toEqual([
      { name: 't.car', cid: root, bytes, size: 900_000, allocations: [expect.any(String)], warnings: [] },
    ])
  })

  test('has no size when its root is no file, or not in it', async () => {
    const leaf = await blockOf(mixedBytes(10))
    const folder = await add([file('d/a', 'a')])
    const folderBlocks = [...folder.blocks].map(([cid, bytes]) => ({ cid: CID.parse(cid), bytes }))
    const elsewhere = CID.parse(folder.root)
    for (const car of [
      await makeCar([leaf.cid], [leaf]),
      await makeCar([elsewhere], folderBlocks),
      await makeCar([elsewhere], [leaf]),
    ]) {
      const { outputs, error } = await addCar(car)
      expect([error, outputs[0]!.size]).toEqual([undefined, undefined])
    }
  })

  test('may carry dag-cbor, and hashes that are cut or inline', async () => {
    const bytes = mixedBytes(40)
    const cbor = await blockOf(dagCbor.encode({ a: 1 }), dagCbor.code)
    const short = Digest.create(sha256.code, (await sha256.digest(bytes)).digest.subarray(0, 20))
    const blocks = [
      cbor,
      { cid: CID.create(1, raw.code, short), bytes },
      { cid: CID.create(1, raw.code, Digest.create(0, bytes)), bytes },
    ]
    const { error, blocks: stored } = await addCar(await makeCar([cbor.cid], blocks))
    // A CID with its content inline needs no block.
    expect([error, stored.size]).toEqual([undefined, 2])
  })
})

describe('a CAR is refused', () => {
  test('when it is cut short, wherever', async () => {
    const { root, blocks } = await fileBlocks()
    const car = await makeCar([root], blocks)
    const starts = new Set<number>()
    const headerLength = (await makeCar([root], [])).length
    let start = headerLength
    for (const block of blocks) {
      starts.add(start)
      start += (await makeCar([root], [block])).length - (await makeCar([root], [])).length
    }
    const lengths = [1, 5, 30, 58, ...[...starts].flatMap((at) => [at + 1, at + 2, at + 20, at + 60])]
    for (const length of lengths) {
      for (const cut of [car.subarray(0, length), makeCar2(car).subarray(0, 51 + length)]) {
        const { error, pinned } = await addCar(cut)
        expect([length, error?.name, pinned]).toEqual([length, 'CarError', []])
        expect(error?.message).toMatch(
          length < headerLength
            ? /^unexpected EOF: it is no CAR file, or less than the header of one$/
            : /^unexpected EOF: the CAR file is cut short after \d+ whole blocks?; /,
        )
      }
    }
  })

  test('when a block is not what its CID says', async () => {
    const good = await blockOf(mixedBytes(100))
    const bad = { cid: good.cid, bytes: mixedBytes(99) }
    const { error, pinned, blocks } = await addCar(await makeCar([good.cid], [bad]))
    expect([error?.message, pinned, blocks.size]).toEqual([
      `block ${good.cid} of the CAR file does not match its hash`,
      [],
      0,
    ])
  })

  test('when it names no root, before a block of it is stored', async () => {
    const leaf = await blockOf(mixedBytes(10))
    const { error, blocks } = await addCar(await makeCar([], [leaf]))
    expect([error?.name, blocks.size]).toEqual(['CarError', 0])
    expect(error?.message).toStartWith('the CAR file names no root')
  })

  test('when it has no blocks', async () => {
    const leaf = await blockOf(mixedBytes(10))
    expect((await addCar(await makeCar([leaf.cid], []))).error?.name).toBe('EmptyUploadError')
  })

  test('when a second follows', async () => {
    const leaf = await blockOf(mixedBytes(10))
    const car = await makeCar([leaf.cid], [leaf])
    const { error, pinned } = await add([file('a', car), file('b', car)], { format: 'car' })
    expect([error?.message, pinned]).toEqual(['only one CAR file can be added at once', []])
  })

  test('with hashes that cannot be checked', async () => {
    const leaf = await blockOf(mixedBytes(10))
    const md5 = { ...leaf, cid: CID.create(1, raw.code, Digest.create(0xd5, mixedBytes(16))) }
    expect((await addCar(await makeCar([leaf.cid], [md5]))).error?.message).toContain('cannot be checked')
    const tiny = Digest.create(sha256.code, (await sha256.digest(leaf.bytes)).digest.subarray(0, 19))
    const weak = { ...leaf, cid: CID.create(1, raw.code, tiny) }
    expect((await addCar(await makeCar([leaf.cid], [weak]))).error?.message).toContain('does not match')
  })

  test('without waiting for what it claims to be long', async () => {
    let read = 0
    async function* endless(head: Uint8Array) {
      yield head
      for (; read < 100; read++) yield new Uint8Array(1_000_000)
    }
    const leaf = await blockOf(mixedBytes(10))
    const header = await makeCar([leaf.cid], [])
    const length = [0xff, 0xff, 0xff, 0xff, 0x7f]
    const longHash = [0x01, 0x55, 0x12, ...length]
    for (const head of [
      Uint8Array.from(length),
      Buffer.concat([header, Uint8Array.from([...length, ...leaf.cid.bytes])]),
      Buffer.concat([header, Uint8Array.from([...length, ...longHash])]),
    ]) {
      read = 0
      const parts = [{ kind: 'file' as const, path: 'a', content: endless(head) }]
      const { error } = await add(parts, { format: 'car' })
      expect(error?.name).toBe('CarError')
      expect(read).toBeLessThan(5)
    }
  })

  test('when it is something else', async () => {
    const version2 = base16.decode('f0aa16776657273696f6e02')
    for (const [bytes, message] of [
      [mixedBytes(1_000), /^not a CAR file/],
      [Buffer.from('{"a":1}'.repeat(100)), /^not a CAR file/],
      [Buffer.concat([version2, new Uint8Array(200)]), /CAR/],
      [dagPb.encode(dagPb.prepare({ Links: [] })), /^unexpected EOF|^not a CAR file/],
    ] as const) {
      const { error } = await addCar(bytes)
      expect(error?.name).toBe('CarError')
      expect(error?.message).toMatch(message)
    }
  })

  test('with the failure of its source, not one of its own', async () => {
    const { root, blocks } = await fileBlocks()
    const car = await makeCar([root], blocks)
    async function* torn() {
      yield car.subarray(0, 300_000)
      throw new Error('the client is gone')
    }
    const { error } = await add([{ kind: 'file', path: 'a', content: torn() }], { format: 'car' })
    expect(error?.message).toBe('the client is gone')
  })
})
