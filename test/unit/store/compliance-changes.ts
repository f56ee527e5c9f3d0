/** What the change log says, and to whom. */
import { expect, test } from 'bun:test'
import type { Change, CommittedChange } from '../../../core/runtime/store.ts'
import { priorityClass } from '../../../core/tracker/priority.ts'
import type { CreateSubject } from './compliance.ts'
import { allBlocks, cidOf, other, outcomeOf, pinAt, pinOf, self, writePins } from './fixtures.ts'

const named = (changes: Change[]) => changes.map(({ cid, kind }) => [cid.toString(), kind])
const row = (name: string, kind: Change['kind']) => [cidOf(name).toString(), kind]

export function changeCases(create: CreateSubject): void {
  test('each change of a pin or a record has a row, numbered upwards', async () => {
    await using subject = await create()
    const { store } = subject
    const first = await store.write([{ kind: 'pin', pin: pinAt('mine', [self]) }])
    const second = await store.write([{ kind: 'pin', pin: pinAt('theirs', [other]) }])
    await store.record([outcomeOf(store.local(cidOf('mine'))!, { status: 'pinned' })])
    const changes = store.changes(0, 100)
    expect(named(changes)).toEqual([
      row('mine', 'pinset'),
      row('mine', 'local'),
      row('theirs', 'pinset'),
      row('mine', 'local'),
    ])
    expect(changes.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4])
    expect([first.sequence, second.sequence, store.lastSequence()]).toEqual([2, 3, 4])
    expect(named(store.changes(1, 2))).toEqual([row('mine', 'local'), row('theirs', 'pinset')])
    expect(store.changes(4, 10)).toEqual([])
  })

  test('a write that leaves the pin as it is has no row', async () => {
    await using subject = await create()
    const { store } = subject
    await writePins(store, pinOf('a'))
    const last = store.lastSequence()
    const { cid, sequence } = await store.write([{ kind: 'pin', pin: pinOf('a') }])
    expect(cid).toBeDefined()
    expect(sequence).toBe(0)
    expect(store.lastSequence()).toBe(last)
    await writePins(store, pinOf('a', { name: 'new' }))
    expect(named(store.changes(last, 10))).toEqual([row('a', 'pinset')])
  })

  test('several changes of a pin in one commit are one row', async () => {
    await using subject = await create()
    const { store } = subject
    await using from = await create()
    for (const name of ['one', 'two', 'three']) await writePins(from.store, pinAt('a', [other], { name }))
    const { sequence } = await store.merge(allBlocks(from.store))
    expect(sequence).toBe(1)
    expect(named(store.changes(0, 10))).toEqual([row('a', 'pinset')])
  })

  test('listeners hear each commit until they end', async () => {
    await using subject = await create()
    const { store } = subject
    const heard: Change[][] = []
    const end = store.onChange((changes) => heard.push(changes))
    await writePins(store, pinAt('a', [other]), pinAt('b', [other]))
    await store.write([{ kind: 'unpin', cid: cidOf('nothing') }])
    await writePins(store, pinAt('c', [other]))
    expect(heard.map(named)).toEqual([[row('a', 'pinset'), row('b', 'pinset')], [row('c', 'pinset')]])
    expect(heard.flat()).toEqual(store.changes(0, 100))
    end()
    await writePins(store, pinOf('d'))
    expect(heard.length).toBe(2)
  })

  test('a listener is told the queue in which a record waits since then', async () => {
    await using subject = await create()
    const { store } = subject
    const heard: CommittedChange[] = []
    store.onChange((changes) => heard.push(...changes))
    await writePins(store, pinOf('a'))
    const record = store.local(cidOf('a'))!
    for (const status of ['pinning', 'pin_error', 'pinned'] as const) {
      await store.record([outcomeOf(record, { status, priority: priorityClass.retried, owned: true })])
    }
    await store.write([{ kind: 'unpin', cid: cidOf('a') }])
    expect(heard.filter(({ kind }) => kind === 'local').map(({ waits }) => waits)).toEqual([
      { kind: 'pin', priority: priorityClass.fresh },
      undefined,
      { kind: 'pin', priority: priorityClass.retried },
      undefined,
      { kind: 'unpin', priority: priorityClass.fresh },
    ])
    expect(heard.filter(({ kind, waits }) => kind === 'pinset' && waits)).toEqual([])
  })

  test('a listener sees what it is told of', async () => {
    await using subject = await create()
    const { store } = subject
    let seen: string | undefined
    store.onChange(([change]) => {
      seen = store.pins({ limit: 1 }).rows[0]?.name ?? `nothing of ${change?.cid}`
    })
    await writePins(store, pinOf('a'))
    expect(seen).toBe('a')
  })

  test('a listener that fails harms nobody', async () => {
    await using subject = await create()
    subject.store.onChange(() => {
      throw new Error('listener')
    })
    await writePins(subject.store, pinOf('a'))
    expect(subject.store.pin(cidOf('a'))).toBeDefined()
  })

  test('the newest rows are kept, and asking for older ones says so', async () => {
    await using subject = await create({ keptChanges: 5 })
    const { store } = subject
    for (let i = 0; i < 8; i++) await writePins(store, pinAt(`pin ${i}`, [other]))
    expect(store.lastSequence()).toBe(8)
    expect(store.changes(3, 100).map(({ sequence }) => sequence)).toEqual([4, 5, 6, 7, 8])
    expect(() => store.changes(2, 100)).toThrow(
      expect.objectContaining({ name: 'ChangesGoneError', oldest: 4 }),
    )
    await subject.reopen()
    expect(subject.store.lastSequence()).toBe(8)
    expect(() => subject.store.changes(0, 1)).toThrow(expect.objectContaining({ name: 'ChangesGoneError' }))
  })
}
