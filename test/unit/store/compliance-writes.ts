/** What writes do: durability, group commit, deltas, bounds. */
import { expect, test } from 'bun:test'
import { decodeBlock } from '../../../core/crdt/dag-node.ts'
import type { CreateSubject } from './compliance.ts'
import { allBlocks, allPins, cidOf, failureOf, pinOf, writePins } from './fixtures.ts'

export function writeCases(create: CreateSubject): void {
  test('a written pin is read back as it is stored', async () => {
    await using subject = await create()
    const { store } = subject
    const pin = pinOf('full', {
      type: 'shard',
      maxDepth: 2,
      replicationFactorMin: 1,
      replicationFactorMax: 3,
      name: 'näme with \u0000 and 漢字',
      shardSize: 2n ** 63n,
      metadata: { colour: 'blue', '': 'empty key', emptyValue: '' },
      origins: ['/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'],
      allocations: [
        '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
        'QmXZrtE5jQwXNqCJMfHUTQkvhQ4ZAnqMnmzFMJfLewuabc',
      ],
      reference: cidOf('reference'),
      pinUpdate: cidOf('before'),
      expireAt: 1_900_000_000_000_000_000n,
      timestamp: 1_800_000_000_123_456_789n,
      userAllocations: ['12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'],
    })
    await writePins(store, pin)
    const stored = { ...pin, timestamp: 1_800_000_000_000_000_000n, userAllocations: [] }
    expect(store.pin(pin.cid)).toEqual(stored)
    expect(allPins(store)).toEqual([stored])
    await subject.reopen()
    expect(subject.store.pin(pin.cid)).toEqual(stored)
  })

  test('times that no small number holds are kept', async () => {
    await using subject = await create()
    const pin = pinOf('late', { expireAt: (2n ** 63n - 1n) * 1_000_000_000n, timestamp: -1_000_000_000n })
    await writePins(subject.store, pin)
    expect(allPins(subject.store)).toEqual([pin])
  })

  test('what was acknowledged is there after opening again', async () => {
    await using subject = await create()
    const written = await subject.store.write([{ kind: 'pin', pin: pinOf('a') }])
    await writePins(subject.store, pinOf('b'), pinOf('c'))
    await subject.store.write([{ kind: 'unpin', cid: cidOf('b') }])
    const before = {
      heads: subject.store.heads(),
      counts: subject.store.counts(),
      last: subject.store.lastSequence(),
    }
    await subject.reopen()
    const { store } = subject
    expect(store.pin(cidOf('a'))?.name).toBe('a')
    expect(store.pin(cidOf('b'))).toBeUndefined()
    expect({ heads: store.heads(), counts: store.counts(), last: store.lastSequence() }).toEqual(before)
    expect(store.hasBlock(written.cid!)).toBe(true)
  })

  test('writes that come while a commit runs share the next block', async () => {
    await using subject = await create()
    const { store } = subject
    const written = await Promise.all(
      Array.from({ length: 50 }, (_, i) => store.write([{ kind: 'pin', pin: pinOf(`pin ${i}`) }])),
    )
    expect(store.counts().pins).toBe(50)
    expect(store.counts().blocks).toBeLessThan(5)
    for (const { cid } of written) expect(store.hasBlock(cid!)).toBe(true)
  })

  test('a delta closes at 1,000 operations', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(store, ...Array.from({ length: 2500 }, (_, i) => pinOf(`pin ${i}`)))
    const blocks = allBlocks(store).map(({ cid, bytes }) => decodeBlock(cid, bytes))
    expect(blocks.map(({ delta }) => delta.elements.length)).toEqual([1000, 1000, 500])
    expect(blocks.map(({ delta }) => delta.priority)).toEqual([1n, 2n, 3n])
    expect(store.counts()).toMatchObject({ pins: 2500, blocks: 3, heads: 1 })
  })

  test('a delta closes at 512 KiB', async () => {
    await using subject = await create()
    const { store } = subject
    const metadata = { filler: 'x'.repeat(60_000) }
    await writePins(store, ...Array.from({ length: 20 }, (_, i) => pinOf(`pin ${i}`, { metadata })))
    const sizes = allBlocks(store).map(({ bytes }) => bytes.length)
    expect(sizes.length).toBe(3)
    expect(Math.max(...sizes)).toBeLessThan(513 * 1024)
  })

  test('a pin that no delta can hold is refused', async () => {
    await using subject = await create()
    const pin = pinOf('huge', { metadata: { filler: 'x'.repeat(600_000) } })
    expect((await failureOf(writePins(subject.store, pinOf('small'), pin))).message).toMatch(
      /at most 524288 can be stored/,
    )
    expect(allPins(subject.store)).toEqual([])
  })

  test('the last of several changes of a CID counts', async () => {
    await using subject = await create()
    const { store } = subject
    const [a, b] = [cidOf('a'), cidOf('b')]
    await writePins(store, pinOf('b'))
    await store.write([
      { kind: 'pin', pin: pinOf('a', { name: 'first' }) },
      { kind: 'pin', pin: pinOf('a', { name: 'second' }) },
      { kind: 'unpin', cid: b },
      { kind: 'pin', pin: pinOf('b', { name: 'back' }) },
    ])
    expect(store.pin(a)?.name).toBe('second')
    expect(store.pin(b)?.name).toBe('back')
    expect(store.counts()).toMatchObject({ pins: 2, blocks: 2 })
  })

  test('an unpin of what is not there writes nothing', async () => {
    const nothing = { sequence: 0, applied: 0 }
    await using subject = await create()
    const { store } = subject
    expect(await store.write([{ kind: 'unpin', cid: cidOf('nothing') }])).toEqual(nothing)
    expect(await store.write([])).toEqual(nothing)
    const shortLived = await store.write([
      { kind: 'pin', pin: pinOf('short') },
      { kind: 'unpin', cid: cidOf('short') },
    ])
    expect(shortLived).toEqual({ sequence: 0, applied: 2 })
    expect(store.counts()).toEqual({ pins: 0, local: {}, blocks: 0, heads: 0 })
    await writePins(store, pinOf('a'))
    await store.write([{ kind: 'unpin', cid: cidOf('a') }])
    expect(await store.write([{ kind: 'unpin', cid: cidOf('a') }])).toEqual(nothing)
  })

  test('an unpin kills every element of the CID', async () => {
    await using subject = await create()
    const { store } = subject
    for (const name of ['one', 'two', 'three']) await writePins(store, pinOf('a', { name }))
    const { cid } = await store.write([{ kind: 'unpin', cid: cidOf('a') }])
    const { delta } = decodeBlock(cid!, store.block(cid!)!)
    expect(delta.tombstones.length).toBe(3)
    expect(store.pin(cidOf('a'))).toBeUndefined()
    expect(store.counts().pins).toBe(0)
  })

  test('a write that waits for its commit is seen by requests, and not by lists', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(store, pinOf('old'))
    const pinning = store.write([{ kind: 'pin', pin: pinOf('new', { timestamp: 1_500_000_000n }) }])
    const unpinning = store.write([{ kind: 'unpin', cid: cidOf('old') }])
    expect(store.pin(cidOf('new'))).toEqual(pinOf('new', { timestamp: 1_000_000_000n }))
    expect(store.pin(cidOf('old'))).toBeUndefined()
    expect(allPins(store).map(({ name }) => name)).toEqual(['old'])
    await Promise.all([pinning, unpinning])
    expect(allPins(store).map(({ name }) => name)).toEqual(['new'])
    expect(store.pin(cidOf('old'))).toBeUndefined()
  })

  test('more changes than may wait are refused, and the others are stored', async () => {
    await using subject = await create({ bounds: { waiting: 3 } })
    const { store } = subject
    const accepted = writePins(store, pinOf('a'), pinOf('b'))
    const refused = writePins(store, pinOf('c'), pinOf('a', { name: 'refused' }))
    expect(await failureOf(refused)).toMatchObject({ name: 'StoreBusyError' })
    expect(store.pin(cidOf('a'))?.name).toBe('a')
    await accepted
    expect(store.counts().pins).toBe(2)
    expect(store.pin(cidOf('c'))).toBeUndefined()
    await writePins(store, pinOf('c'))
    expect(store.counts().pins).toBe(3)
  })

  test('closing stores what waits and refuses what comes after', async () => {
    await using subject = await create()
    const { store } = subject
    const waiting = [writePins(store, pinOf('a')), writePins(store, pinOf('b'))]
    const closing = store[Symbol.asyncDispose]()
    expect(await failureOf(writePins(store, pinOf('c')))).toMatchObject({ name: 'StoreClosedError' })
    await Promise.all([...waiting, closing, store[Symbol.asyncDispose]()])
    await subject.reopen()
    expect(
      allPins(subject.store)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['a', 'b'])
  })

  test('a block of this peer joins all heads', async () => {
    await using subject = await create()
    await using another = await create()
    await writePins(subject.store, pinOf('a'))
    await writePins(another.store, pinOf('b'))
    await subject.store.merge(allBlocks(another.store))
    const heads = subject.store.heads().map(({ cid }) => cid)
    expect(heads.length).toBe(2)
    const { cid } = await subject.store.write([{ kind: 'pin', pin: pinOf('c') }])
    const block = decodeBlock(cid!, subject.store.block(cid!)!)
    expect(block.links.map(String).sort()).toEqual(heads.map(String).sort())
    expect(subject.store.heads()).toEqual([{ cid: cid!, priority: 2n }])
  })
}
