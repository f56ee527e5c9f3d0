import { describe, expect, test } from 'bun:test'
import { MetricWindow } from '../../../core/monitor/metric-window.ts'
import { Membership, type MembershipInit } from '../../../core/peer/membership.ts'
import { pinAt, pinOf } from '../store/fixtures.ts'

const [self, a, b, c, stranger] = ['self', 'a', 'b', 'c', 'stranger'] as const

/** All of `alive` ping; those of `roomy` say that they have room, which may be silent else. */
function membership({
  alive = [a, b, c] as string[],
  roomy = [self, ...alive],
  ...given
}: Partial<MembershipInit> & { alive?: string[]; roomy?: string[] } = {}): Membership {
  const window = new MetricWindow({ now: () => 0, judge: () => () => true, pingTtl: 30_000 })
  const add = (name: string, peer: string) =>
    window.add({
      name,
      peer,
      value: '1000',
      expire: 1_000_000_000_000n,
      valid: true,
      weight: 1000,
      partitionable: false,
      receivedAt: 0n,
    })
  for (const peer of alive) add('ping', peer)
  for (const peer of roomy) add('freespace', peer)
  return new Membership({
    self,
    window,
    allocateBy: ['freespace'],
    isTrusted: (peer) => peer !== stranger,
    pinOnlyOn: undefined,
    isRemoved: () => false,
    ...given,
  })
}

const copies = (min: number, max = min) =>
  pinOf('a', { replicationFactorMin: min, replicationFactorMax: max })
const nobody = () => false

describe('a new pin', () => {
  test('is given to no peer that was removed, also when it holds it already and still pings', () => {
    const peers = membership({ isRemoved: (peer) => peer === a })
    expect(peers.allocate(copies(1, 9), []).sort()).toEqual([b, c, self])
    expect(peers.allocate(copies(2), [a, b])).not.toContain(a)
    expect(() => peers.allocate(copies(4), [])).toThrow('not enough peers')
  })
  test('is given to no removed peer that tells of its room and does not ping', () => {
    const peers = membership({ alive: [b], roomy: [self, a, b], isRemoved: (peer) => peer === a })
    expect(peers.allocate(copies(1, 9), []).sort()).toEqual([b, self])
  })
  test('is given to trusted peers only, or to the others only, where that is set', () => {
    const alive = [a, stranger]
    const given = (pinOnlyOn: MembershipInit['pinOnlyOn']) =>
      membership({ alive, pinOnlyOn }).allocate(copies(1, 9), []).sort()
    expect(given('trusted')).toEqual([a, self])
    expect(given('untrusted')).toEqual([stranger])
    expect(given(undefined)).toEqual([a, self, stranger])
  })
})

describe('a pin that is given away', () => {
  test('keeps its holders, also those that are silent for the moment, but for those gone', () => {
    const peers = membership({ alive: [a, b] })
    const pin = pinAt('a', [a, 'silent', 'gone'])
    const moved = peers.reallocate(pin, (peer) => peer === 'gone')
    expect(moved.slice(0, 2)).toEqual([a, 'silent'])
    expect(moved).toHaveLength(3)
    expect(moved[2]).toBeOneOf(['b', 'self'])
  })
  test('keeps a holder that a new pin would not be given to, and goes to no other such', () => {
    const peers = membership({
      alive: [a, stranger, 'another'],
      pinOnlyOn: 'trusted',
      isTrusted: (p) => p === self || p === a,
    })
    expect(peers.reallocate(pinAt('a', [stranger, 'gone']), (peer) => peer === 'gone')).toContain(stranger)
    expect(() => peers.reallocate(pinAt('a', [a, self, 'gone']), (peer) => peer === 'gone')).toThrow(
      'not enough peers',
    )
  })
  test('keeps one gone holder beside its min when all are gone, and the same when those given it go as well', () => {
    const isGone = (peer: string) => peer.startsWith('gone')
    const factors = { replicationFactorMin: 1, replicationFactorMax: 3 }
    const moved = membership().reallocate(pinAt('a', ['gone 1', 'gone 2', 'gone 3'], factors), isGone)
    expect(moved).toHaveLength(3)
    expect(moved.filter(isGone)).toEqual(['gone 3'])
    const [only] = membership({ alive: [] }).reallocate(pinAt('a', ['gone 4', 'gone 3'], factors), isGone)
    expect(only).toBe(self)
    const again = membership().reallocate(pinAt('a', ['gone 4', 'gone 5', 'gone 3'], factors), isGone)
    expect(again.filter(isGone)).toEqual(['gone 3'])
  })
  test('keeps no gone holder where others live or its min takes all places', () => {
    const isGone = (peer: string) => peer === 'gone'
    const factors = { replicationFactorMin: 1, replicationFactorMax: 2 }
    expect(membership().reallocate(pinAt('a', [a, 'gone'], factors), isGone)).not.toContain('gone')
    const exact = { replicationFactorMin: 2, replicationFactorMax: 2 }
    const moved = membership().reallocate(pinAt('a', ['gone'], exact), isGone)
    expect(moved).toHaveLength(2)
    expect(moved).not.toContain('gone')
  })
  test('leaves its only holder when that is alive and gives its pins away, or was removed', () => {
    const pin = pinAt('a', [a], { replicationFactorMin: 1, replicationFactorMax: 2 })
    const leaves = (peer: string) => peer === a
    expect(membership().reallocate(pin, leaves)).not.toContain(a)
    expect(membership({ alive: [b, c], isRemoved: leaves }).reallocate(pin, leaves)).not.toContain(a)
  })
  test('leaves a peer that was removed', () => {
    const peers = membership({ isRemoved: (peer) => peer === a })
    expect(peers.reallocate(pinAt('a', [a, b]), nobody)).not.toContain(a)
  })
  test('is topped up, and never beyond its max', () => {
    const pin = pinAt('a', [a], { replicationFactorMin: 1, replicationFactorMax: 3 })
    expect(membership().reallocate(pin, nobody)).toHaveLength(3)
    expect(
      membership({ alive: [a] })
        .reallocate(pin, nobody)
        .sort(),
    ).toEqual([a, self])
  })
})
