/** The simulated store keeps what it acknowledged, and nothing by halves, whatever a crash leaves of its disk. */
import { expect, test } from 'bun:test'
import { blockIdOf } from '../../../core/crdt/block-id.ts'
import { pinKey } from '../../../core/pin/key.ts'
import { audit } from '../../../core/store/audit.ts'
import { retarget } from '../../../core/tracker/retarget.ts'
import { MemoryTables } from '../../sim/memory-tables.ts'
import { RecordLog } from '../../sim/record-log.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { SimulatedDisk } from '../../sim/simulated-disk.ts'
import { openSimulatedStore, type SimulatedStore } from '../../sim/simulated-store.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { deltaBlock } from '../../support/crdt-blocks.ts'
import { allPins, cidOf, failureOf, other, pinAt, pinOf, self, silentLogger, writePins } from './fixtures.ts'

class World {
  readonly time = new VirtualTime()
  readonly random: SeededRandom
  readonly disk: SimulatedDisk

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    this.disk = new SimulatedDisk({ random: this.random.fork() })
  }

  open(): SimulatedStore {
    const runtime = { clock: this.time, scheduler: this.time, logger: silentLogger }
    return this.settled(openSimulatedStore({ disk: this.disk, self, runtime }))
  }

  /** The value that a promise has when the time has gone on far enough. */
  settled<Value>(promise: Promise<Value>): Value {
    let result: { value: Value } | { error: unknown } | undefined
    promise.then(
      (value) => (result = { value }),
      (error) => (result = { error }),
    )
    this.time.runUntil(() => result !== undefined)
    if (result === undefined || 'error' in result) throw result?.error ?? new Error('it never settles')
    return result.value
  }
}

/** Writes pairs of pins until a crash at a random moment; returns the numbers that were acknowledged. */
function workAndCrash(world: World, first: number): { acknowledged: Set<number>; asked: number } {
  const store = world.open()
  const acknowledged = new Set<number>()
  let asked = first
  for (let client = 0; client < 3; client++) {
    void (async () => {
      for (;;) {
        const number = asked++
        await writePins(store, pinOf(`left ${number}`), pinOf(`right ${number}`))
        acknowledged.add(number)
      }
    })()
  }
  world.time.run(world.random.between(0, 60))
  world.disk.crash()
  return { acknowledged, asked }
}

test('12 crashes of each of 20 disks lose nothing that was acknowledged and leave nothing by halves', () => {
  let lostUnacknowledged = 0
  for (let seed = 1; seed <= 20; seed++) {
    const world = new World(seed)
    const kept = new Set<number>()
    let next = 0
    for (let crash = 0; crash < 12; crash++) {
      const { acknowledged, asked } = workAndCrash(world, next)
      const store = world.open()
      for (const number of acknowledged) kept.add(number)
      for (let number = next; number < asked; number++) {
        const sides = ['left', 'right'].map((side) => store.pin(cidOf(`${side} ${number}`)) !== undefined)
        expect([number, sides[0]]).toEqual([number, sides[1]])
        if (acknowledged.has(number)) expect([number, sides[0]]).toEqual([number, true])
        if (sides[0]) kept.add(number)
        else lostUnacknowledged++
      }
      expect(store.counts().pins).toBe(kept.size * 2)
      next = asked
      if (crash % 6 !== 5) continue
      const { tables } = store
      expect([...audit({ tables, scratch: new MemoryTables(), self, rule: retarget })].flat()).toEqual([])
    }
    expect(allPins(world.open()).length).toBe(kept.size * 2)
  }
  expect(lostUnacknowledged).toBeGreaterThan(20)
}, 120_000)

/** Copies pins and hears of unpins that did not know of the copies, until a crash at a random moment. */
function copyAndCrash(world: World): { copied: Set<number>; killed: Set<number> } {
  const store = world.open()
  const names = Array.from({ length: 20 }, (_, i) => `pin ${i}`)
  const sources = world.settled(store.write(names.map((name) => ({ kind: 'pin', pin: pinAt(name, [self]) }))))
  const [copied, killed] = [new Set<number>(), new Set<number>()]
  void (async () => {
    for (const [i, name] of names.entries()) {
      const from = pinAt(name, [self])
      await store.write([{ kind: 'reallocate', pin: { ...from, allocations: [other] }, from }])
      copied.add(i)
      const tombstones = [{ key: pinKey(from.cid), blockId: blockIdOf(sources.cid!) }]
      await store.merge([deltaBlock({ priority: 2n, elements: [], tombstones }, [sources.cid!])])
      killed.add(i)
    }
  })()
  world.time.run(world.random.between(0, 150))
  world.disk.crash()
  return { copied, killed }
}

test('copies that were acknowledged before a crash are orphans when their source is dead, and no others are', () => {
  let orphaned = 0
  for (let seed = 1; seed <= 30; seed++) {
    const world = new World(seed)
    const { copied, killed } = copyAndCrash(world)
    const store = world.open()
    const orphans = new Set(store.orphans(100).map(String))
    orphaned += orphans.size
    for (const i of killed) expect([seed, i, orphans.has(`${cidOf(`pin ${i}`)}`)]).toEqual([seed, i, true])
    // The last one was under way and may be stored or not.
    expect(orphans.size - killed.size).toBeLessThanOrEqual(copied.size - killed.size)
    for (const cid of store.orphans(100)) world.settled(store.write([{ kind: 'withdraw', cid }]))
    expect(store.orphans(100)).toEqual([])
    const left = allPins(world.open()).map(({ cid }) => `${cid}`)
    expect(left.filter((cid) => orphans.has(cid))).toEqual([])
    expect(left.length).toBe(20 - orphans.size)
  }
  expect(orphaned).toBeGreaterThan(20)
})

test('what is not synced is not seen', () => {
  const world = new World(7)
  const store = world.open()
  const written = writePins(store, pinOf('a'))
  expect(store.counts().pins).toBe(0)
  expect(allPins(store)).toEqual([])
  world.settled(written)
  expect(store.counts().pins).toBe(1)
})

test('a record that a crash tore is cut off, with all after it', () => {
  const world = new World(8)
  const log = new RecordLog(world.disk)
  const records = ['one', 'two', 'three'].map((text) => new TextEncoder().encode(text))
  for (const record of records) world.settled(log.append(record, world.time))
  expect(log.replay()).toEqual(records)
  const whole = world.disk.read().slice()
  for (let length = 0; length <= whole.length; length++) {
    world.disk.truncate(0)
    world.disk.append(whole.slice(0, length))
    const ends = [11, 22, 35]
    const intact = ends.filter((end) => end <= length).length
    expect(log.replay()).toEqual(records.slice(0, intact))
    expect(world.disk.read().length).toBe(ends[intact - 1] ?? 0)
  }
  const flipped = whole.slice()
  flipped[11 + 9]! ^= 1
  world.disk.truncate(0)
  world.disk.append(flipped)
  expect(log.replay()).toEqual([records[0]!])
})

test('a full disk fails the write, keeps what is there, and works again when there is room', async () => {
  const world = new World(9)
  const store = world.open()
  world.settled(writePins(store, pinOf('a')))
  world.disk.capacity = world.disk.read().length + 100
  const failing = failureOf(writePins(store, pinOf('b')))
  expect(world.settled(failing)).toMatchObject({ name: 'StoreFullError' })
  expect(allPins(store).map(({ name }) => name)).toEqual(['a'])
  world.disk.capacity = Number.POSITIVE_INFINITY
  world.settled(writePins(store, pinOf('c')))
  expect(
    allPins(world.open())
      .map(({ name }) => name)
      .sort(),
  ).toEqual(['a', 'c'])
})
