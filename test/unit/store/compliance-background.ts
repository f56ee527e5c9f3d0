/** What a peer does unasked: only while it still fits, and never against somebody's unpin. */
import { expect, test } from 'bun:test'
import { decodeBlock } from '../../../core/crdt/dag-node.ts'
import type { Pin } from '../../../core/pin/pin.ts'
import type { PinsetChange, Store } from '../../../core/runtime/store.ts'
import type { CreateSubject, StoreSubject } from './compliance.ts'
import {
  allBlocks,
  allPins,
  cidOf,
  failureOf,
  other,
  pinAt,
  pinOf,
  self,
  startTime,
  texts,
  writePins,
} from './fixtures.ts'

const a = cidOf('a')
const held = pinAt('a', [self])
const moved = pinAt('a', [other], { replicationFactorMin: 1, replicationFactorMax: 1 })
const move: PinsetChange = { kind: 'reallocate', pin: moved, from: held }
const unpin: PinsetChange = { kind: 'unpin', cid: a }
const withdraw: PinsetChange = { kind: 'withdraw', cid: a }

const allocations = (store: Store): string[] | undefined => store.pin(a)?.allocations
const tombstonesOf = (store: Store, pins: { cid?: Pin['cid'] }): number =>
  decodeBlock(pins.cid!, store.block(pins.cid!)!).delta.tombstones.length

/** Each takes over what the other has. */
async function exchange(one: Store, two: Store): Promise<void> {
  const [ofOne, ofTwo] = [allBlocks(one), allBlocks(two)]
  await one.merge(ofTwo)
  await two.merge(ofOne)
}

/** Two stores that hold the same pin. */
async function pair(create: CreateSubject): Promise<[StoreSubject, StoreSubject]> {
  const pairs: [StoreSubject, StoreSubject] = [await create(), await create({ self: other })]
  await writePins(pairs[0].store, held)
  await exchange(pairs[0].store, pairs[1].store)
  return pairs
}

export function backgroundCases(create: CreateSubject): void {
  test('a re-allocation changes the pin that it is about', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(store, held)
    const written = await store.write([move])
    expect(written).toMatchObject({ applied: 1, sequence: store.lastSequence() })
    expect(store.hasBlock(written.cid!)).toBe(true)
    expect(store.pin(a)).toEqual(moved)
    expect(store.orphans(10)).toEqual([])
  })

  test('a re-allocation drops the CID that the pin replaced', async () => {
    await using subject = await create()
    const from = { ...held, pinUpdate: cidOf('before') }
    await writePins(subject.store, from)
    expect(await subject.store.write([{ kind: 'reallocate', pin: moved, from }])).toMatchObject({
      applied: 1,
    })
    expect(subject.store.pin(a)).toEqual(moved)
  })

  test('background changes of a pin that is another by now are left out without a trace', async () => {
    await using subject = await create()
    const { store } = subject
    const renamed = { ...held, name: 'renamed' }
    await writePins(store, renamed)
    const before = { counts: store.counts(), last: store.lastSequence(), heads: store.heads() }
    const changes: PinsetChange[] = [
      move,
      { kind: 'expire', from: held },
      withdraw,
      { kind: 'withdraw', cid: cidOf('never seen') },
      { kind: 'expire', from: pinOf('never seen') },
      { kind: 'reallocate', pin: pinAt('never seen', [self]), from: pinAt('never seen', [other]) },
    ]
    expect(await store.write(changes)).toEqual({ sequence: 0, applied: 0 })
    expect({ counts: store.counts(), last: store.lastSequence(), heads: store.heads() }).toEqual(before)
    expect(store.pin(a)).toEqual(renamed)
  })

  test('a re-allocation that changes more than the allocations is refused', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(store, held)
    const wrong: Pin[] = [
      { ...moved, name: 'other' },
      { ...moved, timestamp: 1_000_000_000n },
      { ...moved, cid: cidOf('b') },
    ]
    for (const pin of wrong) {
      expect(await failureOf(store.write([{ kind: 'reallocate', pin, from: held }]))).toBeInstanceOf(
        TypeError,
      )
    }
    expect(store.pin(a)).toEqual(held)
  })

  test('an expiry removes the pin with all its elements', async () => {
    await using subject = await create()
    const { store } = subject
    const timed = { ...held, expireAt: 1_900_000_000_000_000_000n }
    await writePins(store, held, timed)
    await writePins(store, timed)
    const written = await store.write([{ kind: 'expire', from: timed }])
    expect(written.applied).toBe(1)
    expect(tombstonesOf(store, written)).toBe(2)
    expect(store.pin(a)).toBeUndefined()
  })

  test('what was queued before a background change counts, and requests see what will be', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(store, held)
    const renamed = { ...held, name: 'renamed' }
    const writes = [store.write([{ kind: 'pin', pin: renamed }]), store.write([move])]
    expect(store.pin(a)).toEqual(renamed)
    const movedName = { ...moved, name: 'renamed' }
    writes.push(store.write([{ kind: 'reallocate', pin: movedName, from: renamed }]))
    expect(store.pin(a)).toEqual(movedName)
    writes.push(store.write([withdraw]), store.write([{ kind: 'expire', from: renamed }]))
    expect(store.pin(a)).toEqual(movedName)
    writes.push(store.write([{ kind: 'expire', from: movedName }]))
    expect(store.pin(a)).toBeUndefined()
    writes.push(store.write([{ kind: 'pin', pin: held }]), store.write([move]))
    expect(store.pin(a)).toEqual(moved)
    const applied = (await Promise.all(writes)).map((written) => written.applied)
    expect(applied).toEqual([1, 0, 1, 0, 0, 1, 1, 1])
    expect(store.pin(a)).toEqual(moved)
    expect(allPins(store)).toEqual([moved])
  })

  test('a merge that is committed before a background change counts', async () => {
    const [one, two] = await pair(create)
    await using _ = one
    await using __ = two
    await writePins(two.store, { ...held, name: 'theirs' })
    await one.store.merge(allBlocks(two.store))
    expect(await one.store.write([move])).toMatchObject({ applied: 0 })
    expect(one.store.pin(a)?.name).toBe('theirs')
  })

  test('a background element that survives an unpin of its source is an orphan until it is withdrawn', async () => {
    const [one, two] = await pair(create)
    await using _ = one
    await using __ = two
    await one.store.write([move])
    await two.store.write([unpin])
    await exchange(one.store, two.store)
    expect(allocations(one.store)).toEqual([other])
    expect(allocations(two.store)).toEqual([other])
    expect(texts(one.store.orphans(10))).toEqual(texts([a]))
    expect(two.store.orphans(10)).toEqual([])
    expect(await two.store.write([withdraw])).toEqual({ sequence: 0, applied: 0 })

    const written = await one.store.write([withdraw])
    expect(written.applied).toBe(1)
    expect(tombstonesOf(one.store, written)).toBe(1)
    await exchange(one.store, two.store)
    for (const { store } of [one, two]) expect(store.pin(a)).toBeUndefined()
    expect(one.store.orphans(10)).toEqual([])
    expect(await one.store.write([withdraw])).toEqual({ sequence: 0, applied: 0 })
  })

  test('orphans are known after opening again', async () => {
    const [one, two] = await pair(create)
    await using _ = one
    await using __ = two
    await one.store.write([move])
    await one.reopen()
    await two.store.write([unpin])
    await exchange(one.store, two.store)
    await one.reopen()
    expect(texts(one.store.orphans(10))).toEqual(texts([a]))
    await one.store.write([withdraw])
    await one.reopen()
    expect(one.store.orphans(10)).toEqual([])
    expect(one.store.pin(a)).toBeUndefined()
  })

  test('a withdrawal leaves what users pinned', async () => {
    const [one, two] = await pair(create)
    await using _ = one
    await using __ = two
    await one.store.write([move])
    const again = { ...held, name: 'pinned again' }
    await two.store.write([unpin])
    await writePins(two.store, again)
    await exchange(one.store, two.store)
    await one.store.write([withdraw])
    await exchange(one.store, two.store)
    for (const { store } of [one, two]) expect(store.pin(a)).toEqual(again)
    expect(one.store.orphans(10)).toEqual([])
  })

  test('a pin by a user in place of a background change of the same commit is no background work', async () => {
    const [one, two] = await pair(create)
    await using _ = one
    await using __ = two
    const again = { ...held, name: 'pinned again' }
    await one.store.write([move, { kind: 'pin', pin: again }])
    await two.store.write([unpin])
    await exchange(one.store, two.store)
    expect(one.store.orphans(10)).toEqual([])
    for (const { store } of [one, two]) expect(store.pin(a)).toEqual(again)
  })

  test('copies of copies are withdrawn by their authors, one after the other', async () => {
    const [one, two] = await pair(create)
    await using _ = one
    await using __ = two
    await using third = await create()
    await third.store.merge(allBlocks(one.store))
    await one.store.write([move])
    await two.store.merge(allBlocks(one.store))
    await two.store.write([{ kind: 'reallocate', pin: held, from: moved }])
    await third.store.write([unpin])
    await exchange(two.store, third.store)
    await one.store.merge(allBlocks(two.store))
    expect(allocations(one.store)).toEqual([self])
    expect([one.store.orphans(10).length, two.store.orphans(10).length]).toEqual([1, 0])
    await one.store.write([withdraw])
    await two.store.merge(allBlocks(one.store))
    expect(two.store.orphans(10).length).toBe(1)
    await two.store.write([withdraw])
    await exchange(one.store, two.store)
    for (const { store } of [one, two]) expect(store.pin(a)).toBeUndefined()
  })

  test('own copies of own copies are withdrawn at once, and an orphan is not copied', async () => {
    const [one, two] = await pair(create)
    await using _ = one
    await using __ = two
    await one.store.write([move])
    await one.store.write([{ kind: 'reallocate', pin: held, from: moved }])
    await two.store.write([unpin])
    await exchange(one.store, two.store)
    expect(one.store.pin(a)).toEqual(held)
    expect(await one.store.write([move])).toMatchObject({ applied: 0 })
    const written = await one.store.write([withdraw])
    expect(tombstonesOf(one.store, written)).toBe(2)
    expect(one.store.pin(a)).toBeUndefined()
  })

  test('a withdrawal leaves a background element whose source lives', async () => {
    const [one, two] = await pair(create)
    await using _ = one
    await using __ = two
    const renamed = { ...held, name: 'renamed' }
    const movedLater = { ...moved, name: 'renamed' }
    await one.store.write([move])
    await writePins(one.store, renamed)
    await one.store.write([{ kind: 'reallocate', pin: movedLater, from: renamed }])
    await two.store.write([unpin])
    await exchange(one.store, two.store)
    const written = await one.store.write([withdraw])
    expect(tombstonesOf(one.store, written)).toBe(1)
    expect(one.store.orphans(10)).toEqual([])
    expect(one.store.pin(a)).toEqual(movedLater)
  })

  test('an unpin that knows of a background element leaves no orphan', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(store, held)
    await store.write([move, unpin])
    await writePins(store, held)
    await store.write([move])
    await store.write([unpin])
    expect(store.orphans(10)).toEqual([])
    expect(store.pin(a)).toBeUndefined()
  })

  test('a pin may be withdrawn when it is a copy of a dead one, whoever made it', async () => {
    const [one, two] = await pair(create)
    await using _ = one
    await using __ = two
    const stores = [one.store, two.store]
    const told = () => stores.map((store) => store.mayBeWithdrawn(a))
    await one.store.write([move])
    expect(told()).toEqual([false, false])
    await two.store.write([unpin])
    expect(told()).toEqual([false, false])
    await exchange(one.store, two.store)
    expect(told()).toEqual([true, true])
    await writePins(one.store, { ...moved, timestamp: held.timestamp! + 1_000_000_000n })
    await exchange(one.store, two.store)
    expect(told()).toEqual([false, false])
    await one.store.write([withdraw])
    await exchange(one.store, two.store)
    expect(told()).toEqual([false, false])
    expect(stores.map((store) => store.pin(a)?.allocations)).toEqual([[other], [other]])
    expect(one.store.mayBeWithdrawn(cidOf('never seen'))).toBe(false)
  })

  test('a pin that was unpinned often is taken for one that may be withdrawn', async () => {
    await using subject = await create()
    const { store } = subject
    const later = (seconds: number) => ({
      ...held,
      timestamp: held.timestamp! + BigInt(seconds) * 1_000_000_000n,
    })
    for (let i = 0; i < 5; i++) {
      await writePins(store, later(i))
      expect(store.mayBeWithdrawn(a)).toBe(false)
      await store.write([unpin])
    }
    await writePins(store, later(5))
    expect(store.mayBeWithdrawn(a)).toBe(true)
  })

  test('orphans are given in pieces', async () => {
    const [one, two] = await pair(create)
    await using _ = one
    await using __ = two
    const names = Array.from({ length: 5 }, (_, i) => `pin ${i}`)
    await writePins(one.store, ...names.map((name) => pinAt(name, [self])))
    await exchange(one.store, two.store)
    await one.store.write(
      names.map((name) => ({ kind: 'reallocate', pin: pinAt(name, [other]), from: pinAt(name, [self]) })),
    )
    await two.store.write(names.map((name) => ({ kind: 'unpin', cid: cidOf(name) })))
    await exchange(one.store, two.store)
    const seen: string[] = []
    for (let found = one.store.orphans(2); found.length > 0; found = one.store.orphans(2)) {
      expect(found.length).toBeLessThanOrEqual(2)
      seen.push(...texts(found))
      await one.store.write(found.map((cid) => ({ kind: 'withdraw', cid })))
    }
    expect(seen.sort()).toEqual(texts(names.map(cidOf)).sort())
    expect(() => one.store.orphans(0)).toThrow(RangeError)
    expect(() => one.store.orphans(1001)).toThrow(RangeError)
  })

  test('expired pins come earliest first, up to the moment that is asked for', async () => {
    await using subject = await create()
    const { store } = subject
    const at = (seconds: number) => BigInt(startTime / 1000 + seconds) * 1_000_000_000n
    const pins = [7, 3, 5, 3, 9].map((seconds, i) => pinOf(`pin ${i}`, { expireAt: at(seconds) }))
    await writePins(
      store,
      ...pins,
      pinOf('for ever'),
      pinOf('never', { expireAt: 2n ** 63n * 1_000_000_000n }),
    )
    const names = (seconds: number, limit = 10, after?: Pin) =>
      store
        .expired({ before: startTime + seconds * 1000, limit, ...(after === undefined ? {} : { after }) })
        .map(({ name }) => name)
    expect(names(2.999)).toEqual([])
    expect(names(3)).toEqual(['pin 1', 'pin 3'])
    expect(names(8)).toEqual(['pin 1', 'pin 3', 'pin 2', 'pin 0'])
    expect(names(8, 1)).toEqual(['pin 1'])
    expect(names(8, 2, pins[1])).toEqual(['pin 3', 'pin 2'])
    expect(names(8, 10, pins[0])).toEqual([])
    await store.write([{ kind: 'expire', from: pins[1]! }])
    expect(names(8)).toEqual(['pin 3', 'pin 2', 'pin 0'])
    expect(names(8, 10, pins[1])).toEqual(['pin 3', 'pin 2', 'pin 0'])
    expect(() => names(8, 0)).toThrow(RangeError)
  })
}
