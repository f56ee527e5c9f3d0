import { describe, expect, test } from 'bun:test'
import type { Pin } from '../../../core/pin/pin.ts'
import { Responsibility } from '../../../core/upkeep/responsibility.ts'
import { pinAt, pinOf } from '../store/fixtures.ts'
import { UpkeepRig } from './rig.ts'

const grace = 10_000
const settings = { grace, takeover: 5_000, checkInterval: 30_000 }
const minute = 60_000

/** Pins by name of the peers that hold them. */
function pinsAt(
  rig: UpkeepRig,
  count: number,
  holders: string[],
  min: number,
  max: number,
  fields: Partial<Pin> = {},
) {
  const ids = holders.map((name) => rig.id(name))
  return Array.from({ length: count }, (_, index) =>
    pinAt(`${holders.join('')} ${index}`, ids, {
      replicationFactorMin: min,
      replicationFactorMax: max,
      ...fields,
    }),
  )
}

const holdersOf = (rig: UpkeepRig, peer: (typeof rig.peers)[number]) => Object.values(rig.holders(peer))

describe('when a peer is gone', () => {
  test('nothing is written within the grace window, and then its pins are given to others', () => {
    const rig = new UpkeepRig('one', 'two', 'three')
    const one = rig.start('one', settings)
    rig.pin(one, ...pinsAt(rig, 30, ['one', 'two'], 2, 2))
    rig.pass(30_000)
    rig.alive.delete(rig.id('two'))
    rig.pass(grace - 1000)
    expect(one.asked).toEqual([])
    rig.pass(2 * minute)
    expect(holdersOf(rig, one)).toEqual(Array(30).fill(['one', 'three']))
    expect(one.log.filter((line) => line.startsWith('a peer is gone'))).toHaveLength(1)
  })

  test('pins that still have their min are not written', () => {
    const rig = new UpkeepRig('one', 'two', 'three', 'four')
    const one = rig.start('one', settings)
    rig.pass(30_000)
    rig.pin(one, ...pinsAt(rig, 10, ['one', 'two'], 1, 3), ...pinsAt(rig, 10, ['two', 'three', 'one'], 2, 3))
    rig.pin(one, pinOf('everywhere'))
    rig.alive.delete(rig.id('two'))
    rig.pass(2 * minute)
    expect(one.asked).toEqual([])
  })

  test('one that returns within the grace window moves nothing', () => {
    const rig = new UpkeepRig('one', 'two', 'three')
    const one = rig.start('one', settings)
    rig.pin(one, ...pinsAt(rig, 30, ['one', 'two'], 2, 2))
    rig.pass(30_000)
    for (let times = 0; times < 5; times++) {
      rig.alive.delete(rig.id('two'))
      rig.pass(grace - 2000)
      rig.alive.add(rig.id('two'))
      rig.pass(3000)
    }
    rig.pass(minute)
    expect(one.asked).toEqual([])
  })

  test('what is under way ends when it returns', () => {
    const rig = new UpkeepRig('one', 'two', 'three')
    const one = rig.start('one', { ...settings, rate: 5 })
    rig.untrusted.add(rig.id('three'))
    rig.pin(one, ...pinsAt(rig, 90, ['one', 'two'], 2, 2))
    rig.pass(20_000)
    rig.alive.delete(rig.id('two'))
    rig.pass(grace + 8_000)
    rig.alive.add(rig.id('two'))
    rig.pass(3_000)
    const written = one.asked.length
    expect(written).toBeGreaterThan(20)
    expect(written).toBeLessThan(60)
    rig.pass(minute)
    expect(one.asked).toHaveLength(written)
  })

  test('nothing is taken from one that has just returned, before the next look at who is alive', () => {
    const rig = new UpkeepRig('one', 'two', 'three')
    const one = rig.start('one', { ...settings, rate: 100 })
    rig.untrusted.add(rig.id('three'))
    rig.pin(one, ...pinsAt(rig, 2000, ['one', 'two'], 2, 2))
    rig.pass(20_000)
    rig.alive.delete(rig.id('two'))
    rig.pass(grace + 8_000)
    for (let times = 0; times < 20; times++) {
      rig.alive.add(rig.id('two'))
      const written = one.asked.length
      expect(written).toBeGreaterThan(0)
      rig.pass(100)
      expect(one.asked).toHaveLength(written)
      rig.alive.delete(rig.id('two'))
      rig.pass(100)
    }
  })

  test('the pins with the fewest copies go first, and no faster than the rate', () => {
    const rig = new UpkeepRig('one', 'two', 'three', 'four', 'five', 'six')
    const one = rig.start('one', { ...settings, rate: 5 })
    for (const name of ['two', 'five', 'six']) rig.untrusted.add(rig.id(name))
    const copies = new Map<string, number>()
    for (const [number, holders] of [
      ['two', 'three', 'five'],
      ['three', 'four', 'one'],
      ['three', 'four'],
    ].entries()) {
      const pins = pinsAt(rig, 20, holders, holders.length, holders.length)
      rig.pin(one, ...pins)
      for (const { name } of pins) copies.set(name, 2 - number)
    }
    rig.pass(20_000)
    rig.alive.delete(rig.id('three'))
    rig.alive.delete(rig.id('four'))
    const moved = () =>
      one.asked.flatMap((change) => (change.kind === 'reallocate' ? [copies.get(change.from.name)!] : []))
    for (let before = 0; moved().length < 60; before = moved().length) {
      rig.pass(1_000)
      expect(moved().length - before).toBeLessThanOrEqual(10)
    }
    expect(moved()).toEqual([0, 1, 2].flatMap((level) => Array(20).fill(level)))
  })

  test('each pin is moved by the peer responsible for it', () => {
    const rig = new UpkeepRig('one', 'two', 'three', 'four')
    const peers = ['one', 'two', 'three'].map((name) => rig.start(name, settings))
    rig.pin(peers[0]!, ...pinsAt(rig, 60, ['one', 'four'], 2, 2))
    rig.sync()
    rig.pass(30_000)
    rig.alive.delete(rig.id('four'))
    rig.passInSync(3 * minute, 1000)
    const responsibility = new Responsibility(rig.alive)
    for (const peer of peers) {
      expect(holdersOf(rig, peer).every((holders) => holders.length === 2 && !holders.includes('four'))).toBe(
        true,
      )
      const moved = peer.asked.flatMap((change) => (change.kind === 'reallocate' ? [change.from] : []))
      expect(moved.length).toBeGreaterThan(5)
      expect(moved.filter(({ cid }) => responsibility.first(cid) !== peer.id)).toEqual([])
    }
    expect(rig.holders(peers[0]!)).toEqual(rig.holders(peers[1]!))
  })

  test('the next peer moves what the responsible one leaves, and waits while that is at work', () => {
    const rig = new UpkeepRig('one', 'idle', 'gone')
    const one = rig.start('one', settings)
    const pins = pinsAt(rig, 60, ['one', 'gone'], 2, 2)
    rig.pin(one, ...pins)
    rig.pass(20_000)
    rig.alive.delete(rig.id('gone'))
    rig.pass(grace + 3_000)
    const responsibility = new Responsibility(rig.alive)
    const left = pins.filter(({ cid }) => responsibility.first(cid) !== one.id)
    const moved = () => holdersOf(rig, one).filter((holders) => !holders.includes('gone')).length
    expect(moved()).toBe(60 - left.length)
    // The other one moves a pin now and then.
    for (const pin of left.slice(0, 4)) {
      rig.pin(one, { ...pin, allocations: [one.id, rig.id('idle')] })
      rig.pass(settings.takeover)
    }
    expect(moved()).toBe(60 - left.length + 4)
    rig.pass(3 * settings.takeover)
    expect(moved()).toBe(60)
  })

  test('pins that no peer has room for stay as they are, and that is said', () => {
    const rig = new UpkeepRig('one', 'two', 'three')
    const one = rig.start('one', settings)
    rig.pin(one, ...pinsAt(rig, 10, ['one', 'two'], 2, 2))
    rig.full.add(rig.id('three'))
    rig.untrusted.add(rig.id('three'))
    rig.pass(30_000)
    rig.alive.delete(rig.id('two'))
    rig.pass(grace + 5_000)
    expect(one.asked).toEqual([])
    const said = one.log.filter((line) => line.startsWith('pins stay without'))
    expect(said).toHaveLength(1)
    expect(said[0]).toContain('"pins":10')
    expect(said[0]).toContain('not enough peers to allocate CID. Needed at least: 1.')
    rig.full.delete(rig.id('three'))
    rig.pass(5 * minute)
    expect(holdersOf(rig, one)).toEqual(Array(10).fill(['one', 'three']))
  })

  test('a pin made by an update is moved too, and forgets what it replaced', () => {
    const rig = new UpkeepRig('one', 'two', 'three')
    const one = rig.start('one', settings)
    rig.pin(
      one,
      ...pinsAt(rig, 1, ['one', 'two'], 2, 2, { pinUpdate: pinOf('old').cid, metadata: { k: 'v' } }),
    )
    rig.pass(30_000)
    const [before] = one.store.pins({ limit: 1 }).rows
    rig.alive.delete(rig.id('two'))
    rig.pass(3 * minute)
    const [after] = one.store.pins({ limit: 1 }).rows
    const { pinUpdate: _, ...rest } = before!
    expect(after).toEqual({ ...rest, allocations: [one.id, rig.id('three')] })
  })

  test('a peer that was cut off moves nothing', () => {
    const rig = new UpkeepRig('one', 'two', 'three', 'four')
    const one = rig.start('one', settings)
    rig.pin(one, ...pinsAt(rig, 5, ['two'], 1, 1), ...pinsAt(rig, 5, ['three', 'four'], 2, 2))
    rig.pass(30_000)
    for (const name of ['two', 'three', 'four']) rig.alive.delete(rig.id(name))
    rig.pass(minute)
    expect(one.asked).toEqual([])
    expect(one.log.some((line) => line.includes('seems to be cut off'))).toBe(true)
    // The operator knows better.
    for (const name of ['two', 'three', 'four']) rig.removed.add(rig.id(name))
    one.upkeep.removed()
    rig.pass(minute)
    expect(one.asked).toHaveLength(5)
  })

  test('expired pins are not moved', () => {
    const rig = new UpkeepRig('one', 'two', 'three')
    const one = rig.start('one', { ...settings, expiryTakeover: minute * 60 })
    rig.untrusted.add(rig.id('three'))
    const expireAt = BigInt(Math.ceil(rig.time.now() / 1000)) * 1_000_000_000n + 5_000_000_000n
    rig.pin(one, ...pinsAt(rig, 5, ['one', 'two'], 2, 2, { expireAt }))
    rig.alive.delete(rig.id('two'))
    rig.pass(minute)
    expect(one.log.some((line) => line.startsWith('a peer is gone'))).toBe(true)
    expect(one.asked.filter(({ kind }) => kind === 'reallocate')).toEqual([])
  })

  test('a peer without re-pinning, and a follower, write nothing', () => {
    for (const off of [{ repinning: false }, { isFollower: true }]) {
      const rig = new UpkeepRig('one', 'two', 'three')
      const one = rig.start('one', { ...settings, ...off })
      rig.pin(one, ...pinsAt(rig, 5, ['one', 'two'], 2, 2))
      rig.alive.delete(rig.id('two'))
      rig.pass(2 * minute)
      expect(one.asked).toEqual([])
    }
  })

  test('a peer that starts again goes on where it was', () => {
    const rig = new UpkeepRig('one', 'two', 'three')
    const one = rig.start('one', { ...settings, rate: 5 })
    rig.pin(one, ...pinsAt(rig, 90, ['one', 'two'], 2, 2))
    rig.untrusted.add(rig.id('three'))
    rig.pass(20_000)
    rig.alive.delete(rig.id('two'))
    rig.pass(grace + 8_000)
    rig.settle(one.upkeep[Symbol.asyncDispose]())
    const moved = one.asked.length
    expect(moved).toBeGreaterThan(20)
    expect(moved).toBeLessThan(60)
    const again = rig.start('one', settings, one.store)
    rig.pass(30_000)
    expect(holdersOf(rig, again)).toEqual(Array(90).fill(['one', 'three']))
    expect(again.asked).toHaveLength(90 - moved)
  })
})

describe('when a peer comes', () => {
  test('pins below their max are topped up once it has stayed for the grace window', () => {
    const rig = new UpkeepRig('one', 'two', 'three')
    rig.alive.delete(rig.id('three'))
    const one = rig.start('one', settings)
    rig.pass(30_000)
    rig.pin(one, ...pinsAt(rig, 10, ['one', 'two'], 1, 3), ...pinsAt(rig, 10, ['two'], 1, 1))
    rig.untrusted.add(rig.id('two'))
    rig.alive.add(rig.id('three'))
    rig.untrusted.add(rig.id('three'))
    rig.pass(grace - 1000)
    expect(one.asked).toEqual([])
    rig.pass(minute)
    const holders = holdersOf(rig, one)
    expect(holders.filter((each) => each.join() === 'one,three,two')).toHaveLength(10)
    expect(one.asked).toHaveLength(10)
  })

  test('pins below their min are brought there first', () => {
    const rig = new UpkeepRig('one', 'two', 'three', 'gone')
    for (const name of ['three', 'gone']) rig.alive.delete(rig.id(name))
    const one = rig.start('one', settings)
    for (const name of ['two', 'three']) rig.untrusted.add(rig.id(name))
    rig.pass(30_000)
    rig.pin(one, ...pinsAt(rig, 10, ['one'], 1, 2), ...pinsAt(rig, 10, ['two', 'one', 'gone'], 3, 3))
    rig.full.add(rig.id('two'))
    rig.pass(30_000)
    expect(one.asked).toEqual([])
    rig.alive.add(rig.id('three'))
    rig.pass(5 * minute)
    const names = one.asked.flatMap((change) => (change.kind === 'reallocate' ? [change.from.name] : []))
    expect(names.map((name) => name.split(' ')[0])).toEqual([
      ...Array(10).fill('twoonegone'),
      ...Array(10).fill('one'),
    ])
  })

  test('pins that every peer holds already are looked at once and not written', () => {
    const rig = new UpkeepRig('one', 'two')
    const one = rig.start('one', settings)
    rig.pin(one, ...pinsAt(rig, 10, ['one', 'two'], 1, 5))
    rig.pass(2 * minute)
    expect(one.asked).toEqual([])
  })
})

describe('a hand-over', () => {
  test('gives all pins of a living peer to others at once, whether re-pinning is on or not', () => {
    const rig = new UpkeepRig('one', 'two', 'three', 'four')
    const one = rig.start('one', { ...settings, repinning: false })
    rig.pin(one, ...pinsAt(rig, 10, ['one', 'two'], 1, 3), ...pinsAt(rig, 10, ['two'], 1, 1))
    rig.pin(one, ...pinsAt(rig, 10, ['one', 'three'], 2, 2), pinOf('everywhere'))
    rig.removed.add(rig.id('two'))
    const { signal } = new AbortController()
    const tally = rig.settle(one.upkeep.handOver(rig.id('two'), { signal, hurry: false }))
    expect(tally).toMatchObject({ moved: 20, unplaced: 0 })
    expect(holdersOf(rig, one).filter((holders) => holders.includes('two'))).toEqual([])
    expect(one.asked).toHaveLength(20)
  })

  test('leaves pins where they are that nobody else has room for, and says so', () => {
    const rig = new UpkeepRig('one', 'two')
    const one = rig.start('one', settings)
    rig.pin(one, ...pinsAt(rig, 10, ['one', 'two'], 2, 2))
    const { signal } = new AbortController()
    const tally = rig.settle(one.upkeep.handOver(rig.id('one'), { signal, hurry: true }))
    expect(tally).toMatchObject({ moved: 0, unplaced: 10 })
    expect(tally.why).toContain('not enough peers')
    expect(one.asked).toEqual([])
  })

  test('can be ended, and tells how far it came', () => {
    const rig = new UpkeepRig('one', 'two')
    const one = rig.start('one', { ...settings, rate: 5 })
    rig.pin(one, ...pinsAt(rig, 90, ['two'], 1, 1))
    const controller = new AbortController()
    rig.time.after(9_500, () => controller.abort(new Error('enough')))
    const tally = { moved: 0, kept: 0, unplaced: 0, why: '', left: 0 }
    const run = one.upkeep.handOver(rig.id('two'), { signal: controller.signal, hurry: false, tally })
    expect(() => rig.settle(run)).toThrow('enough')
    expect(tally.moved).toBe(50)
  })
})

describe('a peer that an operator has removed', () => {
  test('loses the rest of its pins also when its hand-over was cut off', () => {
    const rig = new UpkeepRig('one', 'two', 'three')
    const one = rig.start('one', settings)
    for (const name of ['two', 'three']) rig.untrusted.add(rig.id(name))
    rig.pin(one, ...pinsAt(rig, 10, ['one', 'two'], 1, 2), ...pinsAt(rig, 10, ['one', 'three'], 1, 2))
    rig.pass(30_000)
    rig.removed.add(rig.id('two'))
    rig.settle(one.upkeep[Symbol.asyncDispose]())
    const again = rig.start('one', settings, one.store)
    rig.pass(30_000)
    expect(holdersOf(rig, again)).toEqual(Array(20).fill(['one', 'three']))
    expect(again.asked).toHaveLength(10)
  })
})
