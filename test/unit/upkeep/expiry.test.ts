import { describe, expect, test } from 'bun:test'
import type { Pin } from '../../../core/pin/pin.ts'
import { Responsibility } from '../../../core/upkeep/responsibility.ts'
import { startOfTime } from '../../sim/virtual-time.ts'
import { allPins, pinOf } from '../store/fixtures.ts'
import { UpkeepRig } from './rig.ts'

const seconds = (count: number) => BigInt(startOfTime + count * 1000) * 1_000_000n

function expiring(count: number, at: number, fields: Partial<Pin> = {}): Pin[] {
  return Array.from({ length: count }, (_, index) =>
    pinOf(`${at} ${index}`, { expireAt: seconds(at), ...fields }),
  )
}

describe('a pin that expires', () => {
  test('is unpinned in time after the clock was set back', () => {
    const rig = new UpkeepRig('one')
    rig.time.shift(3_600_000)
    const one = rig.start('one')
    rig.pin(one, ...expiring(3, 60))
    rig.time.shift(-3_600_000)
    rig.pass(59_000)
    expect(allPins(one.store)).toHaveLength(3)
    rig.pass(4_000)
    expect(allPins(one.store)).toEqual([])
  })

  test('is unpinned within seconds, and the others are not', () => {
    const rig = new UpkeepRig('one')
    const one = rig.start('one')
    rig.pin(one, ...expiring(3, 60), ...expiring(2, 600), pinOf('for ever'))
    rig.pass(59_000)
    expect(allPins(one.store)).toHaveLength(6)
    rig.pass(4_000)
    expect(allPins(one.store)).toHaveLength(3)
    rig.pass(540_000)
    expect(allPins(one.store).map(({ name }) => name)).toEqual(['for ever'])
  })

  test('is unpinned by one of the peers, the one that is responsible for it', () => {
    const rig = new UpkeepRig('one', 'two', 'three')
    const peers = ['one', 'two', 'three'].map((name) => rig.start(name))
    rig.pin(peers[0]!, ...expiring(60, 30))
    rig.sync()
    rig.passInSync(40_000, 500)
    const responsibility = new Responsibility(rig.alive)
    for (const { id, store, asked } of peers) {
      expect(allPins(store)).toEqual([])
      const expired = asked.flatMap((change) => (change.kind === 'expire' ? [change.from] : []))
      expect(expired.length).toBeGreaterThan(5)
      expect(expired.filter(({ cid }) => responsibility.first(cid) !== id)).toEqual([])
    }
  })

  test('is unpinned by the next one when the responsible peer does not', () => {
    const rig = new UpkeepRig('one', 'idle', 'asleep')
    const one = rig.start('one')
    rig.pin(one, ...expiring(60, 30))
    const left = () => allPins(one.store).length
    rig.pass(33_000)
    const responsibility = new Responsibility(rig.alive)
    const ofRank = (rank: number) =>
      expiring(60, 30).filter(({ cid }) => responsibility.rank(cid, one.id) === rank)
    expect([ofRank(0), ofRank(1), ofRank(2)].every(({ length }) => length > 5)).toBe(true)
    expect(left()).toBe(60 - ofRank(0).length)
    rig.pass(6_000)
    expect(left()).toBe(60 - ofRank(0).length)
    rig.pass(4_000)
    expect(left()).toBe(ofRank(2).length)
    rig.pass(10_000)
    expect(left()).toBe(0)
  })

  test('waits for no peer that is not alive, not trusted or removed', () => {
    const rig = new UpkeepRig('one', 'dead', 'stranger', 'removed')
    rig.alive.delete(rig.id('dead'))
    rig.untrusted.add(rig.id('stranger'))
    rig.removed.add(rig.id('removed'))
    const one = rig.start('one')
    rig.pin(one, ...expiring(40, 30))
    rig.pass(33_000)
    expect(allPins(one.store)).toEqual([])
  })

  test('and is many at once is unpinned in batches, whatever stands before it', () => {
    const rig = new UpkeepRig('one', 'idle')
    const one = rig.start('one')
    const pins = expiring(700, 30)
    rig.pin(one, ...pins)
    rig.pass(34_000)
    const responsibility = new Responsibility(rig.alive)
    const others = pins.filter(({ cid }) => responsibility.first(cid) !== one.id)
    expect(others.length).toBeGreaterThan(200)
    expect(allPins(one.store)).toHaveLength(others.length)
    rig.pass(10_000)
    expect(allPins(one.store)).toEqual([])
  })

  test('is left alone by a follower', () => {
    const rig = new UpkeepRig('one')
    const one = rig.start('one', { isFollower: true })
    rig.pin(one, ...expiring(3, 30))
    rig.pass(600_000)
    expect(one.asked).toEqual([])
  })

  test('and was due before this peer began is left to the one responsible first', () => {
    const rig = new UpkeepRig('one', 'two')
    const before = rig.start('one', { isFollower: true })
    rig.pin(before, ...expiring(20, 30))
    rig.pass(3_600_000)
    const one = rig.start('one', {}, before.store)
    rig.pass(5_000)
    const responsibility = new Responsibility(rig.alive)
    expect(allPins(one.store).length).toBeGreaterThan(0)
    expect(allPins(one.store).every(({ cid }) => responsibility.first(cid) === rig.id('two'))).toBe(true)
  })
})

describe('sharded content that expires', () => {
  const [meta, dag, shard, shared] = [
    pinOf('root', { type: 'meta', maxDepth: 0, expireAt: seconds(30), reference: pinOf('dag').cid }),
    pinOf('dag', { type: 'cluster-dag', mode: 'direct', maxDepth: 0, reference: pinOf('root').cid }),
    pinOf('shard', { type: 'shard', maxDepth: 1 }),
    pinOf('shared', { type: 'shard', maxDepth: 1, expireAt: seconds(6000) }),
  ] as const

  test('goes with its parts, but for those that live longer', () => {
    const rig = new UpkeepRig('one')
    const one = rig.start('one')
    rig.parts.set(String(meta.cid), [dag, shard, shared])
    rig.pin(one, meta, dag, shard, shared, pinOf('other'))
    rig.pass(33_000)
    expect(
      allPins(one.store)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['other', 'shared'])
  })

  test('stays until its list of parts can be read, and delays nothing else', () => {
    const rig = new UpkeepRig('one')
    const one = rig.start('one')
    rig.pin(one, meta, ...expiring(3, 40))
    rig.pass(300_000)
    expect(allPins(one.store).map(({ name }) => name)).toEqual(['root'])
    rig.parts.set(String(meta.cid), [])
    rig.pass(3_000)
    expect(allPins(one.store)).toEqual([])
  })
})
