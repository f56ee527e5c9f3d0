/** What pages and point reads return. */
import { expect, test } from 'bun:test'
import type { Pin, PinType } from '../../../core/pin/pin.ts'
import { statusBits } from '../../../core/pin/status.ts'
import type { Store } from '../../../core/runtime/store.ts'
import type { CreateSubject } from './compliance.ts'
import {
  allBlocks,
  allPages,
  allPins,
  cidOf,
  inByteOrder,
  other,
  outcomeOf,
  pinAt,
  pinOf,
  self,
  texts,
  writePins,
} from './fixtures.ts'

const nameSet = (pins: Pin[]): Set<string> => new Set(pins.map(({ name }) => name))

export function listCases(create: CreateSubject): void {
  test('pins come in the byte order of their CIDs, whatever the size of the page', async () => {
    await using subject = await create()
    const { store } = subject
    const pins = Array.from({ length: 25 }, (_, i) => pinOf(`pin ${i}`))
    await writePins(store, ...pins)
    const expected = inByteOrder(pins.map(({ cid }) => cid))
    for (const limit of [1, 4, 25, 26, 1000]) {
      expect(texts(allPins(store, limit).map(({ cid }) => cid))).toEqual(expected)
      expect(store.pins({ limit }).rows.length).toBe(Math.min(limit, 25))
    }
  })

  test('in any order each pin comes once, whatever comes and goes meanwhile', async () => {
    await using subject = await create()
    const { store } = subject
    const pins = Array.from({ length: 300 }, (_, i) => pinOf(`pin ${i}`))
    await writePins(store, ...pins, pinOf('meta', { type: 'meta' }))
    const walk = (limit: number, types?: PinType[]) =>
      allPages((after) =>
        store.pins({
          limit,
          order: 'any',
          ...(after === undefined ? {} : { after }),
          ...(types && { types }),
        }),
      )
    const all = inByteOrder([...pins.map(({ cid }) => cid), cidOf('meta')])
    for (const limit of [1, 7, 1000]) expect(inByteOrder(walk(limit).map(({ cid }) => cid))).toEqual(all)
    expect(walk(7, ['data']).length).toBe(300)
    expect(walk(7, ['meta']).map(({ name }) => name)).toEqual(['meta'])

    const half = store.pins({ limit: 150, order: 'any' })
    expect(half.rows.length).toBe(150)
    const [there, later] = [half.rows.slice(0, 50), pins.filter((pin) => !nameSet(half.rows).has(pin.name))]
    await store.write([...there, ...later.slice(0, 50)].map(({ cid }) => ({ kind: 'unpin', cid })))
    await writePins(store, ...there, pinOf('new'))
    const rest = allPages((after) => store.pins({ limit: 50, order: 'any', after: after ?? half.next! }))
    const seen = [...half.rows, ...rest].filter(({ name }) => name !== 'new' && name !== 'meta')
    expect(nameSet(seen).size).toBe(seen.length)
    expect(seen.length).toBe(250)
    const cursors = { cid: store.pins({ limit: 1 }).next!, any: half.next! }
    for (const [order, after] of [['cid', cursors.any] as const, ['any', cursors.cid] as const]) {
      expect(() => store.pins({ limit: 1, order, after })).toThrow(
        expect.objectContaining({ name: 'CursorError' }),
      )
    }
  })

  test('removed pins are passed over', async () => {
    await using subject = await create()
    const { store } = subject
    const pins = Array.from({ length: 300 }, (_, i) => pinOf(`pin ${i}`))
    await writePins(store, ...pins)
    await store.write(pins.slice(2).map(({ cid }) => ({ kind: 'unpin', cid })))
    const left = inByteOrder(pins.slice(0, 2).map(({ cid }) => cid))
    expect(texts(allPins(store, 1).map(({ cid }) => cid))).toEqual(left)
    expect(texts(allPins(store, 1000).map(({ cid }) => cid))).toEqual(left)
  })

  test('a page ends early rather than look at very many keys', async () => {
    await using subject = await create()
    const { store } = subject
    const pins = Array.from({ length: 5000 }, (_, i) => pinOf(`pin ${i}`))
    await writePins(store, ...pins)
    await store.write(pins.map(({ cid }) => ({ kind: 'unpin', cid })))
    const page = store.pins({ limit: 10 })
    expect(page.rows).toEqual([])
    expect(page.next).toBeDefined()
    expect(allPins(store, 10)).toEqual([])
  }, 30_000)

  test('pins are listed by type', async () => {
    await using subject = await create()
    const { store } = subject
    const types = ['data', 'meta', 'cluster-dag', 'shard'] as const
    const pins = Array.from({ length: 20 }, (_, i) => pinOf(`pin ${i}`, { type: types[i % 4]! }))
    await writePins(store, ...pins)
    for (const wanted of [['meta'], ['meta', 'shard'], ['data'], ['data', 'cluster-dag'], types] as const) {
      const listed = allPages((after) =>
        store.pins({ limit: 3, types: [...wanted], ...(after === undefined ? {} : { after }) }),
      )
      const expected = pins.filter(({ type }) => (wanted as readonly string[]).includes(type))
      expect(texts(listed.map(({ cid }) => cid))).toEqual(inByteOrder(expected.map(({ cid }) => cid)))
    }
    expect(store.pins({ limit: 3, types: [] }).rows).toEqual([])
  })

  test('cursors and limits that make no sense are refused', async () => {
    await using subject = await create()
    const { store } = subject
    for (const limit of [0, -1, 1001, 1.5]) {
      expect(() => store.pins({ limit })).toThrow(RangeError)
      expect(() => store.localRows({ limit, filter: 0 })).toThrow(RangeError)
      expect(() => store.blocks({ limit })).toThrow(RangeError)
    }
    for (const after of ['', 'nonsense', 'c*', 'x'.repeat(5000)]) {
      expect(() => store.pins({ limit: 1, after })).toThrow(expect.objectContaining({ name: 'CursorError' }))
      expect(() => store.blocks({ limit: 1, after })).toThrow(
        expect.objectContaining({ name: 'CursorError' }),
      )
    }
  })

  test('cursors are safe in a URL', async () => {
    await using subject = await create()
    await writePins(subject.store, ...Array.from({ length: 30 }, (_, i) => pinOf(`pin ${i}`)))
    for (let after: string | undefined; ; ) {
      const { next } = subject.store.pins({ limit: 1, ...(after === undefined ? {} : { after }) })
      if (next === undefined) break
      expect(next).toMatch(/^[A-Za-z0-9_-]+$/)
      after = next
    }
  })

  test('blocks come from the oldest on', async () => {
    await using subject = await create()
    await using another = await create()
    for (const text of ['a', 'b', 'c']) await writePins(subject.store, pinOf(text))
    for (const text of ['d', 'e', 'f', 'g']) await writePins(another.store, pinOf(text))
    await subject.store.merge(allBlocks(another.store))
    const blocks = allPages((after) =>
      subject.store.blocks({ limit: 2, ...(after === undefined ? {} : { after }) }),
    )
    expect(new Set(texts(blocks.map(({ cid }) => cid))).size).toBe(7)
    await using third = await create()
    expect(await third.store.merge(blocks)).toMatchObject({ merged: 7 })
  })

  test('blocks that are not there are said to be missing', async () => {
    await using subject = await create()
    expect(subject.store.hasBlock(cidOf('nothing'))).toBe(false)
    expect(subject.store.block(cidOf('nothing'))).toBeUndefined()
  })

  test('rows with records come in the byte order of their CIDs, by status', async () => {
    await using subject = await create()
    const { store } = subject
    await fillWithEveryStatus(store)
    const all = rowsOf(store, 0)
    expect(all).toEqual(inByteOrder(names.map((name) => cidOf(name))).map(String))
    const bits = (...statuses: (keyof typeof statusBits)[]) =>
      statuses.reduce((sum, s) => sum | statusBits[s], 0)
    const cases: [number, string[]][] = [
      [bits('pinned'), ['pinned']],
      [bits('pin_queued'), ['queued', 'queued too']],
      [bits('pin_error', 'unpin_error'), ['failed', 'unpin failed']],
      [bits('remote'), ['remote']],
      [bits('sharded'), ['meta']],
      [bits('pinning', 'remote'), ['pinning', 'remote']],
      [bits('unpin_queued', 'unpinning'), ['unpinning', 'unpin queued']],
      [bits('unexpectedly_unpinned'), ['lost']],
      [bits('cluster_error', 'unpinned'), []],
    ]
    for (const [filter, expected] of cases) {
      expect(rowsOf(store, filter)).toEqual(inByteOrder(expected.map((name) => cidOf(name))))
    }
  })

  test('a row has the pin, the record, or both', async () => {
    await using subject = await create()
    const { store } = subject
    await fillWithEveryStatus(store)
    const { rows } = store.localRows({ limit: 1000, filter: 0 })
    const row = (name: string) => rows.find(({ cid }) => cid.equals(cidOf(name)))
    expect(row('remote')).toEqual({ cid: cidOf('remote'), pin: store.pin(cidOf('remote'))! })
    expect(row('unpin queued')?.pin).toBeUndefined()
    expect(row('unpin queued')?.record).toEqual(store.local(cidOf('unpin queued'))!)
    expect(row('pinned')?.record?.status).toBe('pinned')
    expect(row('pinned')?.pin?.name).toBe('pinned')
  })
}

const names = [
  'pinned',
  'queued',
  'queued too',
  'pinning',
  'failed',
  'lost',
  'unpin queued',
  'unpinning',
  'unpin failed',
  'remote',
  'meta',
]

/** One row of each status, two of `pin_queued`. */
async function fillWithEveryStatus(store: Store): Promise<void> {
  const own = names.slice(0, 9)
  await writePins(
    store,
    ...own.map((name) => pinAt(name, [self])),
    pinAt('remote', [other]),
    pinOf('meta', { type: 'meta' }),
    pinOf('gone'),
  )
  await setStatus(store, 'unpin queued', { status: 'pinned', owned: true })
  await setStatus(store, 'unpinning', { status: 'pinned', owned: true })
  await setStatus(store, 'unpin failed', { status: 'pinned', owned: true })
  const removed = ['unpin queued', 'unpinning', 'unpin failed', 'gone']
  await store.write(removed.map((name) => ({ kind: 'unpin', cid: cidOf(name) })))
  await setStatus(store, 'pinned', { status: 'pinned' })
  await setStatus(store, 'pinning', { status: 'pinning' })
  await setStatus(store, 'failed', { status: 'pin_error' })
  await setStatus(store, 'lost', { status: 'unexpectedly_unpinned' })
  await setStatus(store, 'unpinning', { status: 'unpinning' })
  await setStatus(store, 'unpin failed', { status: 'unpin_error' })
}

async function setStatus(store: Store, name: string, fields: Parameters<typeof outcomeOf>[1]): Promise<void> {
  await store.record([outcomeOf(store.local(cidOf(name))!, fields)])
}

function rowsOf(store: Store, filter: number): string[] {
  const rows = allPages((after) =>
    store.localRows({ limit: 2, filter, ...(after === undefined ? {} : { after }) }),
  )
  return texts(rows.map(({ cid }) => cid))
}
