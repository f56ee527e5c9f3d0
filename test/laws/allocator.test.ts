import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { allocate } from '../../core/allocator/allocation.ts'
import { NotEnoughPeersError } from '../../core/allocator/errors.ts'
import type { MetricTable, RankedMetric } from '../../core/allocator/ranking.ts'

const allocateBy = ['tag:region', 'tag:zone', 'freespace']

interface Peer {
  id: string
  region: string
  zone: string
  free: number
}

function tableOf(peers: Peer[]): MetricTable {
  const column = (value: (peer: Peer) => string, weight: (peer: Peer) => number, partitionable: boolean) =>
    new Map<string, RankedMetric>(
      peers.map((peer) => [peer.id, { value: value(peer), weight: weight(peer), partitionable }]),
    )
  return new Map([
    [
      'tag:region',
      column(
        (peer) => peer.region,
        () => 0,
        true,
      ),
    ],
    [
      'tag:zone',
      column(
        (peer) => peer.zone,
        () => 0,
        true,
      ),
    ],
    [
      'freespace',
      column(
        (peer) => String(peer.free),
        (peer) => peer.free,
        false,
      ),
    ],
  ])
}

const peersArbitrary = fc
  .array(
    fc.record({
      region: fc.constantFrom('r1', 'r2', 'r3'),
      zone: fc.constantFrom('a', 'b'),
      free: fc.nat(1000),
    }),
    {
      minLength: 1,
      maxLength: 12,
    },
  )
  .map((peers) => peers.map((peer, index): Peer => ({ id: `p${String(index).padStart(2, '0')}`, ...peer })))

const factors = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.nat(4))
  .map(([min, more]) => ({ min, max: min + more }))

function inputOf(peers: Peer[], min: number, max: number, current: string[] = []) {
  const alive = new Set(peers.map(({ id }) => id))
  const metrics = tableOf(peers)
  return {
    min,
    max,
    current,
    preferred: [],
    excluded: new Set<string>(),
    alive,
    allocateBy,
    metrics,
    given: new Map(),
  }
}

function copiesBy(chosen: string[], peers: Peer[], key: (peer: Peer) => string): Map<string, number> {
  const copies = new Map<string, number>(peers.map((peer) => [key(peer), 0]))
  for (const id of chosen) {
    const domain = key(peers.find((peer) => peer.id === id)!)
    copies.set(domain, copies.get(domain)! + 1)
  }
  return copies
}

describe('an allocation', () => {
  test('has between minimum and maximum copies, as many as there are peers, each on another peer', () => {
    fc.assert(
      fc.property(peersArbitrary, factors, (peers, { min, max }) => {
        const input = inputOf(peers, min, max)
        if (peers.length < min) {
          expect(() => allocate(input)).toThrow(NotEnoughPeersError)
          return
        }
        const chosen = allocate(input)
        expect(new Set(chosen).size).toBe(chosen.length)
        expect(chosen.length).toBe(Math.min(max, peers.length))
      }),
    )
  })

  test('has no two copies in one region while another region that could take one has none', () => {
    fc.assert(
      fc.property(peersArbitrary, factors, (peers, { min, max }) => {
        fc.pre(peers.length >= min)
        const copies = copiesBy(allocate(inputOf(peers, min, max)), peers, (peer) => peer.region)
        if ([...copies.values()].some((count) => count > 1)) expect([...copies.values()]).not.toContain(0)
      }),
    )
  })

  test('keeps every living holder when it adds copies', () => {
    fc.assert(
      fc.property(peersArbitrary, factors, fc.nat(3), (peers, { min, max }, count) => {
        const current = peers.slice(0, count).map(({ id }) => id)
        fc.pre(peers.length >= min && current.length <= max)
        expect(allocate(inputOf(peers, min, max, current)).slice(0, current.length)).toEqual(current)
      }),
    )
  })

  test('drops only holders when it shrinks, and takes nobody new', () => {
    fc.assert(
      fc.property(peersArbitrary, factors, (peers, { min, max }) => {
        const current = peers.map(({ id }) => id)
        fc.pre(current.length > max)
        const kept = allocate(inputOf(peers, min, max, current))
        expect(kept.length).toBe(max)
        expect(kept.every((id) => current.includes(id))).toBe(true)
      }),
    )
  })

  test('is the same for the same input', () => {
    fc.assert(
      fc.property(peersArbitrary, factors, (peers, { min, max }) => {
        fc.pre(peers.length >= min)
        const again = allocate(inputOf([...peers].reverse(), min, max))
        expect(again).toEqual(allocate(inputOf(peers, min, max)))
      }),
    )
  })
})

test('100,000 pins on 50 peers in 5 regions with 3 zones each fill the fullest peer at most 1.15 times the mean', () => {
  const peers = Array.from({ length: 50 }, (_, index): Peer => {
    const region = `r${index % 5}`
    return {
      id: `p${String(index).padStart(2, '0')}`,
      region,
      zone: `${region}z${Math.floor(index / 5) % 3}`,
      free: 1e12,
    }
  })
  const pins = 100_000
  const copies = 3
  const given = new Map<string, number>()
  const input = { ...inputOf(peers, 2, copies), given }
  for (let pin = 0; pin < pins; pin++) {
    for (const peer of allocate(input)) given.set(peer, (given.get(peer) ?? 0) + 1)
  }
  const mean = (pins * copies) / peers.length
  expect(Math.max(...given.values()) / mean).toBeLessThanOrEqual(1.15)
}, 120_000)
