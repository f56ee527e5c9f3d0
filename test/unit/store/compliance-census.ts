/** How the store finds records of what is not there. */
import { expect, test } from 'bun:test'
import type { Census, LocalRecord, Store } from '../../../core/runtime/store.ts'
import { CursorError } from '../../../core/store/errors.ts'
import type { CreateSubject } from './compliance.ts'
import { allPages, cidOf, outcomeOf, pinOf, texts, writePins } from './fixtures.ts'

export function censusCases(create: CreateSubject): void {
  test('a census names what is said to be pinned and was not seen', async () => {
    await using subject = await create()
    const { store } = subject
    const names = Array.from({ length: 40 }, (_, i) => `pin ${i}`)
    await writePins(store, ...names.map((name) => pinOf(name)), pinOf('queued'))
    await pinned(store, names)
    const census = store.census()
    for (const name of names.filter((_, i) => i % 7 !== 0)) census.saw(cidOf(name), 'recursive')
    census.saw(cidOf('never in the pinset'), 'recursive')
    const missing = names.filter((_, i) => i % 7 === 0)
    expect(unseen(census, 3).sort()).toEqual(texts(missing.map((name) => cidOf(name))).sort())
  })

  test('a census gives the records themselves', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(store, pinOf('a'))
    await pinned(store, ['a'])
    expect(store.census().unseen({ limit: 10 })).toEqual({ rows: [store.local(cidOf('a'))!] })
  })

  test('to a census a recursive pin is as good as a direct one, and not the other way round', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(store, pinOf('recursive'), pinOf('direct', { mode: 'direct', maxDepth: 0 }))
    await pinned(store, ['recursive', 'direct'])
    const seenAs = (mode: 'recursive' | 'direct') => {
      const census = store.census()
      for (const name of ['recursive', 'direct']) census.saw(cidOf(name), mode)
      return unseen(census, 10)
    }
    expect(seenAs('recursive')).toEqual([])
    expect(seenAs('direct')).toEqual(texts([cidOf('recursive')]))
  })

  test('a census leaves out what is unpinned meanwhile', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(store, pinOf('a'), pinOf('b'))
    await pinned(store, ['a', 'b'])
    const census = store.census()
    await store.write([{ kind: 'unpin', cid: cidOf('a') }])
    expect(unseen(census, 1)).toEqual(texts([cidOf('b')]))
  })

  test('a page of a census has a bound and a cursor of its own', async () => {
    await using subject = await create()
    const census = subject.store.census()
    expect(() => census.unseen({ limit: 1001 })).toThrow(RangeError)
    for (const after of ['cAA', 'lAA', 'l*']) {
      expect(() => census.unseen({ limit: 1, after })).toThrow(CursorError)
    }
  })
}

async function pinned(store: Store, names: string[]): Promise<void> {
  await store.record(
    names.map((name) => outcomeOf(store.local(cidOf(name))!, { status: 'pinned', owned: true })),
  )
}

function unseen(census: Census, limit: number): string[] {
  const rows = allPages<LocalRecord>((after) =>
    census.unseen({ limit, ...(after === undefined ? {} : { after }) }),
  )
  return texts(rows.map(({ cid }) => cid))
}
