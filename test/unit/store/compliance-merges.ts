/** What merging blocks of other peers does. */
import { expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { blockIdOf } from '../../../core/crdt/block-id.ts'
import { encodeBlock } from '../../../core/crdt/dag-node.ts'
import { decodePin } from '../../../core/pin/codec.ts'
import { parsePinKey, pinKey } from '../../../core/pin/key.ts'
import type { DagBlock, Store } from '../../../core/runtime/store.ts'
import { deltaBlock } from '../../support/crdt-blocks.ts'
import { fromHex } from '../../support/hex.ts'
import vectors from '../../vectors/crdt_pins.json'
import type { CreateSubject } from './compliance.ts'
import { allBlocks, allPins, cidOf, failureOf, pinOf, texts, writePins } from './fixtures.ts'

export function mergeCases(create: CreateSubject): void {
  test('replays the blocks of the original to its pins and heads', async () => {
    await using subject = await create()
    const { store } = subject
    await store.merge(vectorBlocks())
    const rows = vectors.datastore.filter(({ key }) => key.startsWith('/c/s/k/') && key.endsWith('/v'))
    const expected = rows.map(({ key, value_hex }) =>
      decodePin(parsePinKey(key.slice('/c/s/k'.length, -'/v'.length)), fromHex(value_hex)),
    )
    expect(allPins(store)).toEqual(expected.sort((a, b) => Buffer.compare(a.cid.bytes, b.cid.bytes)))
    const heads = vectors.datastore.filter(({ key }) => key.startsWith('/c/h/'))
    expect(store.heads().length).toBe(heads.length)
    expect(store.heads().map(({ priority }) => priority)).toEqual(
      heads.map(({ value_hex }) => BigInt(`0x${value_hex}`)),
    )
  })

  test('the blocks of one store make the same pins and heads in another', async () => {
    await using from = await create()
    await using to = await create()
    for (let i = 0; i < 5; i++)
      await writePins(from.store, pinOf('same', { name: `${i}` }), pinOf(`pin ${i}`))
    await from.store.write([{ kind: 'unpin', cid: cidOf('pin 3') }])
    const blocks = allBlocks(from.store)
    expect(await to.store.merge(blocks)).toMatchObject({ merged: 6 })
    expectSamePinset(to.store, from.store)
    expect(to.store.block(blocks[0]!.cid)).toEqual(blocks[0]!.bytes)
  })

  test('blocks that were merged before are passed over', async () => {
    await using from = await create()
    await using to = await create()
    await writePins(from.store, pinOf('a'))
    await writePins(from.store, pinOf('b'))
    const blocks = allBlocks(from.store)
    await to.store.merge([blocks[0]!])
    expect(await to.store.merge([...blocks, ...blocks])).toMatchObject({ merged: 1 })
    expect(await to.store.merge(blocks)).toMatchObject({ merged: 0, sequence: 0 })
    expect(to.store.counts()).toMatchObject({ pins: 2, blocks: 2, heads: 1 })
  })

  test('a block whose parents are not merged is refused, with all that came with it', async () => {
    await using from = await create()
    await using to = await create()
    for (const text of ['a', 'b', 'c']) await writePins(from.store, pinOf(text))
    const [first, second, third] = allBlocks(from.store) as [DagBlock, DagBlock, DagBlock]
    expect(await failureOf(to.store.merge([first, third]))).toMatchObject({
      name: 'BlockRefusedError',
      cid: third.cid.toString(),
    })
    expect((await failureOf(to.store.merge([second]))).message).toMatch(/its parent .* is not merged/)
    await expectEmpty(to.store)
    expect(await to.store.merge([first, second, third])).toMatchObject({ merged: 3 })
  })

  test('blocks that are not what their CID says, or no blocks of a pinset, are refused', async () => {
    await using subject = await create()
    const { store } = subject
    const good = deltaBlock({ priority: 1n, elements: [], tombstones: [] })
    const raw = CID.createV1(0x55, good.cid.multihash)
    const bad: [DagBlock, RegExp][] = [
      [{ cid: good.cid, bytes: good.bytes.slice(1) }, /hash/],
      [{ cid: raw, bytes: good.bytes }, /dag-pb/],
      [encodeBlock(Uint8Array.of(0xff), []), /delta/],
    ]
    for (const [block, problem] of bad) {
      expect((await failureOf(store.merge([block]))).message).toMatch(problem)
      expect(await failureOf(store.merge([block]))).toMatchObject({ name: 'BlockRefusedError' })
    }
    await expectEmpty(store)
  })

  test('a block whose priority leaves no room for others is refused, and writes go on', async () => {
    await using one = await create()
    await using another = await create()
    await writePins(one.store, pinOf('a', { name: 'old' }))
    const heads = one.store.heads().map(({ cid }) => cid)
    for (const priority of [2n ** 63n - 1n, 2n ** 48n + 1n]) {
      const last = deltaBlock({ priority, elements: [], tombstones: [] }, heads)
      expect(await failureOf(one.store.merge([last]))).toMatchObject({ name: 'BlockRefusedError' })
    }
    // What Go merges too, and what leaves room.
    const high = deltaBlock({ priority: 2n ** 48n, elements: [], tombstones: [] }, heads)
    expect(await one.store.merge([high])).toMatchObject({ merged: 1 })
    await writePins(one.store, pinOf('a', { name: 'new' }))
    await writePins(one.store, pinOf('a', { name: 'newest' }))
    expect(one.store.pin(cidOf('a'))?.name).toBe('newest')
    await another.store.merge(allBlocks(one.store))
    expectSamePinset(one.store, another.store)
  })

  test('a refused merge does not touch the writes beside it', async () => {
    await using subject = await create()
    const { store } = subject
    const orphan = deltaBlock({ priority: 9n, elements: [], tombstones: [] }, [cidOfBlock()])
    const [written, merged] = await Promise.allSettled([writePins(store, pinOf('a')), store.merge([orphan])])
    expect(written.status).toBe('fulfilled')
    expect(merged.status).toBe('rejected')
    expect(store.counts()).toMatchObject({ pins: 1, blocks: 1 })
  })

  test('two stores that wrote at the same time agree, whoever merges first', async () => {
    await using left = await create()
    await using right = await create()
    await writePins(left.store, pinOf('shared', { name: 'left' }), pinOf('l'))
    await writePins(right.store, pinOf('shared', { name: 'right' }), pinOf('r'))
    await writePins(right.store, pinOf('later'))
    const [ofLeft, ofRight] = [allBlocks(left.store), allBlocks(right.store)]
    await left.store.merge(ofRight)
    await right.store.merge(ofLeft)
    expectSamePinset(left.store, right.store)
    expect(left.store.pin(cidOf('shared'))?.name).toBe('right')
    expect(left.store.heads().length).toBe(2)
  })

  test('a pin survives an unpin that did not know of it', async () => {
    await using left = await create()
    await using right = await create()
    await writePins(left.store, pinOf('a', { name: 'first' }))
    await right.store.merge(allBlocks(left.store))
    await left.store.write([{ kind: 'unpin', cid: cidOf('a') }])
    await writePins(right.store, pinOf('a', { name: 'again' }))
    const [ofLeft, ofRight] = [allBlocks(left.store), allBlocks(right.store)]
    await left.store.merge(ofRight)
    await right.store.merge(ofLeft)
    expect(left.store.pin(cidOf('a'))?.name).toBe('again')
    expectSamePinset(left.store, right.store)
  })

  test('a removal of the newest value uncovers the one before', async () => {
    await using left = await create()
    await using right = await create()
    await writePins(left.store, pinOf('a', { name: 'old' }))
    await right.store.merge(allBlocks(left.store))
    await writePins(right.store, pinOf('a', { name: 'new' }))
    const newest = right.store.heads()[0]!.cid
    const key = pinKey(cidOf('a'))
    const killer = deltaBlock(
      { priority: 3n, elements: [], tombstones: [{ key, blockId: blockIdOf(newest) }] },
      [newest],
    )
    await right.store.merge([killer])
    expect(right.store.pin(cidOf('a'))?.name).toBe('old')
    await left.store.merge([...allBlocks(right.store)])
    expectSamePinset(left.store, right.store)
  })

  test('a tombstone that comes before its element kills it', async () => {
    await using from = await create()
    await using to = await create()
    await writePins(from.store, pinOf('a'))
    const [block] = allBlocks(from.store) as [DagBlock]
    const key = pinKey(cidOf('a'))
    const early = deltaBlock({
      priority: 1n,
      elements: [],
      tombstones: [{ key, blockId: blockIdOf(block.cid) }],
    })
    await to.store.merge([early])
    await to.store.merge([block])
    expect(to.store.pin(cidOf('a'))).toBeUndefined()
    expect(to.store.counts()).toMatchObject({ pins: 0, blocks: 2, heads: 2 })
  })

  test('keys and values that are no pins are merged and not shown', async () => {
    await using subject = await create()
    const { store } = subject
    const value = Uint8Array.of(0xff, 0xff)
    const block = deltaBlock({
      priority: 1n,
      elements: [
        { key: '/no-cid', value },
        { key: pinKey(cidOf('a')), value },
      ],
      tombstones: [],
    })
    await store.merge([block])
    expect(store.pin(cidOf('a'))).toBeUndefined()
    expect(allPins(store)).toEqual([])
    expect(store.localRows({ limit: 10, filter: 0 }).rows).toEqual([])
    expect(store.counts()).toEqual({ pins: 0, local: {}, blocks: 1, heads: 1 })
    await store.write([{ kind: 'unpin', cid: cidOf('a') }])
    expect(store.counts().blocks).toBe(2)
  })
}

function vectorBlocks(): DagBlock[] {
  return vectors.steps.flatMap(({ blocks }) =>
    (blocks as { cid: string; block_hex: string }[]).map(({ cid, block_hex }) => ({
      cid: CID.parse(cid),
      bytes: fromHex(block_hex),
    })),
  )
}

function expectSamePinset(a: Store, b: Store): void {
  expect(allPins(a)).toEqual(allPins(b))
  expect(texts(a.heads().map(({ cid }) => cid)).sort()).toEqual(texts(b.heads().map(({ cid }) => cid)).sort())
}

async function expectEmpty(store: Store): Promise<void> {
  expect(store.counts()).toEqual({ pins: 0, local: {}, blocks: 0, heads: 0 })
}

function cidOfBlock(): CID {
  return deltaBlock({ priority: 8n, elements: [], tombstones: [] }).cid
}
