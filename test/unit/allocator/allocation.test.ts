import { describe, expect, test } from 'bun:test'
import { type AllocationInput, allocate } from '../../../core/allocator/allocation.ts'
import { NotEnoughPeersError } from '../../../core/allocator/errors.ts'
import { type RankedMetric, rank } from '../../../core/allocator/ranking.ts'

// The peers of the worked examples of spec/behaviour.md §2.3; F is full, so it has no freespace metric.
const groups = { A: 'eu', B: 'eu', C: 'us', D: 'us', E: 'ap', F: 'ap' }
const free = { A: 500, B: 300, C: 700, D: 50, E: 400 }
const queueBuckets = { A: -2, B: 0, C: 0, D: 0, E: -1, F: 0 }

function column(name: string, values: Record<string, string | number>, partitionable = false) {
  const rows = new Map<string, RankedMetric>()
  for (const [peer, value] of Object.entries(values)) {
    const weight = typeof value === 'number' ? value : 0
    rows.set(peer, { value: String(value), weight, partitionable })
  }
  return [name, rows] as const
}

const metrics = new Map([
  column('tag:group', groups, true),
  column('freespace', free),
  column('pinqueue', queueBuckets),
])
const base: AllocationInput = {
  min: 1,
  max: 1,
  current: [],
  preferred: [],
  excluded: new Set(),
  alive: new Set(['A', 'B', 'C', 'D', 'E', 'F']),
  allocateBy: ['tag:group', 'freespace'],
  metrics,
  given: new Map(),
}
const everyone = ['A', 'B', 'C', 'D', 'E']
const order = (names: string[]) =>
  [...rank({ candidates: everyone, holders: [], names, metrics, given: new Map() })].join(' ')

describe('the ranking of peers', () => {
  test('goes round the groups, the one with most free space first', () => {
    expect(order(['tag:group', 'freespace'])).toBe('A C E B D')
  })
  test('puts a short queue before free space inside a group', () => {
    expect(order(['tag:group', 'pinqueue', 'freespace'])).toBe('B C E A D')
  })
  test('sorts by the first metric and then by the second when nothing groups', () => {
    expect(order(['pinqueue', 'freespace'])).toBe('C B D E A')
  })
})

describe('an allocation', () => {
  test('takes up to the maximum in the order of the ranking', () => {
    expect(allocate({ ...base, min: 2, max: 3 })).toEqual(['A', 'C', 'E'])
    expect(allocate(base)).toEqual(['A'])
    expect(allocate({ ...base, min: 2, max: 6 })).toEqual(['A', 'C', 'E', 'B', 'D'])
  })
  test('is empty when every peer is to hold the pin', () => {
    expect(allocate({ ...base, min: -1, max: -1 })).toEqual([])
  })
  test('fails with the numbers still missing when there are too few peers', () => {
    expect(() => allocate({ ...base, min: 6, max: 6 })).toThrow(NotEnoughPeersError)
    expect(() => allocate({ ...base, min: 6, max: 6 })).toThrow(
      'not enough peers to allocate CID. Needed at least: 6. Wanted at most: 6. Available candidates: 5.',
    )
  })
  test('prefers the peers that the user names', () => {
    expect(allocate({ ...base, max: 3, preferred: ['E', 'B'] })).toEqual(['E', 'B', 'C'])
  })
  test('gives the next copies to groups that have none yet', () => {
    const alive = new Set(['A', 'B', 'C', 'D', 'E', 'F'])
    expect(allocate({ ...base, min: 2, max: 3, current: ['D', 'X'], alive })).toEqual(['D', 'A', 'E'])
  })
  test('keeps a living holder whose disk is full', () => {
    expect(allocate({ ...base, min: 1, max: 2, current: ['F'] })).toEqual(['F', 'A'])
  })
  test('tops up copies that are between minimum and maximum', () => {
    expect(allocate({ ...base, min: 1, max: 3, current: ['A'] })).toEqual(['A', 'C', 'E'])
  })
  test('drops the copies of the fullest groups when it shrinks, the same ones each time', () => {
    const current = ['D', 'C', 'A']
    expect(allocate({ ...base, min: 1, max: 2, current })).toEqual(['C', 'A'])
  })
  test('counts what was given out since the metrics were made', () => {
    const given = new Map<string, number>()
    const picks = Array.from({ length: 13 }, () => {
      const [peer] = allocate({ ...base, allocateBy: ['freespace'], given })
      given.set(peer!, (given.get(peer!) ?? 0) + 1)
      return peer
    })
    // In proportion to 500, 300, 700, 50 and 400 of free space.
    expect(picks.sort().join('')).toBe('AAABBCCCCCEEE')
  })
  test('never takes an excluded peer', () => {
    expect(allocate({ ...base, min: 1, max: 5, excluded: new Set(['A', 'C']) })).toEqual(['E', 'B', 'D'])
  })
})
