import { describe, expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { defaultPinOptions } from '../../../core/pin/options.ts'
import type { Pin, PinOptions } from '../../../core/pin/pin.ts'
import { checkUnpin, isUpdate, preparePin, requestedPin, updatedPin } from '../../../core/pin/validation.ts'

const cid = CID.parse('QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq')
const other = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')
const peer = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const now = 1_700_000_000_000_000_000n
const everywhere = { min: -1, max: -1 }

function pinWith(change: Partial<Pin> = {}): Pin {
  return { ...requestedPin(cid, defaultPinOptions()), ...change }
}

function factors(min: number, max: number): Partial<Pin> {
  return { replicationFactorMin: min, replicationFactorMax: max }
}

describe('replication factors', () => {
  const accepted: [[number, number], [number, number], [number, number]][] = [
    [
      [0, 0],
      [-1, -1],
      [-1, -1],
    ],
    [
      [0, 0],
      [2, 3],
      [2, 3],
    ],
    [
      [1, 2],
      [-1, -1],
      [1, 2],
    ],
    [
      [2, 0],
      [-1, -1],
      [2, 2],
    ],
    [
      [0, 3],
      [-1, -1],
      [3, 3],
    ],
    [
      [2, 0],
      [1, 3],
      [2, 3],
    ],
    [
      [0, 2],
      [1, 3],
      [1, 2],
    ],
    [
      [-1, 0],
      [-1, -1],
      [-1, -1],
    ],
    [
      [-1, -1],
      [2, 3],
      [-1, -1],
    ],
  ]
  for (const [given, [min, max], expected] of accepted) {
    test(`${given} with the defaults ${[min, max]} become ${expected}`, () => {
      const pin = preparePin(undefined, pinWith(factors(...given)), { min, max }, now)
      expect([pin.replicationFactorMin, pin.replicationFactorMax]).toEqual(expected)
    })
  }

  const refused: [[number, number], [number, number], string][] = [
    [[0, 0], [0, 0], 'cluster.replication_factor_min and max must be set'],
    [[3, 2], [-1, -1], 'cluster.replication_factor_min is larger than max'],
    [[4, 0], [1, 3], 'cluster.replication_factor_min is larger than max'],
    [[-2, 1], [-1, -1], 'cluster.replication_factor_min is wrong'],
    [[-3, -2], [-1, -1], 'cluster.replication_factor_min is wrong'],
    [[-1, 2], [-1, -1], 'cluster.replication_factor_min and max must be -1 when one of them is'],
    [[-1, 0], [1, 3], 'cluster.replication_factor_min and max must be -1 when one of them is'],
  ]
  for (const [given, [min, max], message] of refused) {
    test(`${given} with the defaults ${[min, max]} are refused`, () => {
      expect(() => preparePin(undefined, pinWith(factors(...given)), { min, max }, now)).toThrow(
        expect.objectContaining({ name: 'InvalidPinError', message }),
      )
    })
  }

  test('of -1 clear preset allocations, others keep them', () => {
    expect(preparePin(undefined, pinWith({ allocations: [peer] }), everywhere, now).allocations).toEqual([])
    const some = pinWith({ ...factors(1, 1), allocations: [peer] })
    expect(preparePin(undefined, some, everywhere, now).allocations).toEqual([peer])
  })
})

describe('a pin request', () => {
  test('gets the time at which it is logged, whatever it says', () => {
    expect(preparePin(undefined, pinWith({ timestamp: 5n }), everywhere, now).timestamp).toBe(now)
  })

  test('in direct mode is stored as direct also by CID', () => {
    expect(requestedPin(cid, { ...defaultPinOptions(), mode: 'direct' }).maxDepth).toBe(0)
    expect(requestedPin(cid, defaultPinOptions()).maxDepth).toBe(-1)
  })

  test('may expire now or later, not before', () => {
    expect(preparePin(undefined, pinWith({ expireAt: now }), everywhere, now).expireAt).toBe(now)
    expect(() => preparePin(undefined, pinWith({ expireAt: now - 1n }), everywhere, now)).toThrow(
      'pin.ExpireAt set before current time',
    )
  })

  test('keeps within the bounds', () => {
    const long = pinWith({ name: 'x'.repeat(5000) })
    expect(() => preparePin(undefined, long, everywhere, now)).toThrow('name of 5000 bytes')
    expect(preparePin(long, long, everywhere, now).name).toHaveLength(5000)
  })

  test('replaces all options of the pin before', () => {
    const existing = pinWith({ name: 'old', metadata: { a: 'b' }, expireAt: now + 1n })
    const pin = preparePin(existing, pinWith(), everywhere, now)
    expect(pin).toEqual({ ...pinWith(factors(-1, -1)), timestamp: now })
  })

  const repins: [string, Partial<Pin>, Partial<Pin>, string | undefined][] = [
    [
      'recursive to direct',
      {},
      { mode: 'direct', maxDepth: 0 },
      'cannot repin a CID which is already pinned in recursive mode (new pin is pinned as direct). Unpin it first.',
    ],
    ['direct to recursive', { mode: 'direct', maxDepth: 0 }, {}, undefined],
    [
      'data to shard',
      {},
      { type: 'shard' },
      'cannot repin CID with different tracking method, clear state with pin rm to proceed. New: shard-pin. Was: pin',
    ],
    ['data with a reference', {}, { reference: other }, 'data pins should not reference other pins'],
    ['shard of depth -1', { type: 'shard' }, { type: 'shard' }, 'must pin shards go depth 1'],
    ['shard of depth 1', { type: 'shard' }, { type: 'shard', maxDepth: 1 }, undefined],
    ['shard of depth 2', { type: 'shard' }, { type: 'shard', maxDepth: 2 }, undefined],
    ['deep cluster DAG', { type: 'cluster-dag' }, { type: 'cluster-dag' }, 'must pin roots directly'],
    [
      'cluster DAG alone',
      { type: 'cluster-dag' },
      { type: 'cluster-dag', maxDepth: 0 },
      'clusterDAG pins should reference a Meta pin',
    ],
    [
      'meta with allocations',
      { type: 'meta' },
      { type: 'meta', ...factors(1, 1), allocations: [peer] },
      'meta pin should not specify allocations',
    ],
    ['meta alone', { type: 'meta' }, { type: 'meta' }, 'metaPins should reference a ClusterDAG'],
    ['meta', { type: 'meta' }, { type: 'meta', reference: other }, undefined],
    ['unknown type', { type: 'bad' }, { type: 'bad' }, 'unrecognized pin type'],
  ]
  for (const [what, before, after, message] of repins) {
    test(`for a CID that is pinned: ${what} is ${message === undefined ? 'taken' : 'refused'}`, () => {
      const repin = () => preparePin(pinWith(before), pinWith(after), everywhere, now)
      if (message === undefined) expect(repin().timestamp).toBe(now)
      else expect(repin).toThrow(expect.objectContaining({ name: 'InvalidPinError', message }))
    })
  }
})

describe('an update', () => {
  const source: Pin = {
    ...requestedPin(other, defaultPinOptions()),
    ...factors(1, 2),
    name: 'source',
    allocations: [peer],
    metadata: { a: 'b' },
    expireAt: now + 5n,
    timestamp: 1n,
  }
  const asked: PinOptions = { ...defaultPinOptions(), pinUpdate: other, mode: 'direct', metadata: { c: 'd' } }

  test('is what a request for another CID asks for', () => {
    expect(isUpdate(cid, asked)).toBe(true)
    expect(isUpdate(other, asked)).toBe(false)
    expect(isUpdate(cid, defaultPinOptions())).toBe(false)
  })

  test('copies the source and takes nothing but name and expiry from the request', () => {
    expect(updatedPin(undefined, source, cid, asked, now)).toEqual({
      ...source,
      cid,
      pinUpdate: other,
      timestamp: now,
    })
    const named = updatedPin(undefined, source, cid, { ...asked, name: 'new', expireAt: now + 9n }, now)
    expect([named.name, named.expireAt]).toEqual(['new', now + 9n])
    expect(updatedPin(undefined, source, cid, { ...asked, expireAt: now - 1n }, now).expireAt).toBe(now + 5n)
  })

  test('of a meta pin is refused', () => {
    expect(() => updatedPin(undefined, { ...source, type: 'meta' }, cid, asked, now)).toThrow(
      'this pin type cannot be updated',
    )
  })

  test('does not make a recursive pin direct', () => {
    const direct: Pin = { ...source, mode: 'direct', maxDepth: 0 }
    expect(() => updatedPin(pinWith(), direct, cid, asked, now)).toThrow('Unpin it first')
  })

  test('happens once: the pin that it made is written again by itself', () => {
    const updated = updatedPin(undefined, source, cid, asked, now)
    const moved = preparePin(updated, { ...updated, allocations: [] }, everywhere, now + 1n)
    expect(moved.allocations).toEqual([])
    expect(moved.pinUpdate?.equals(other)).toBe(true)
  })
})

describe('an unpin', () => {
  test('of data and of sharded content as a whole is taken', () => {
    expect(() => checkUnpin(pinWith())).not.toThrow()
    expect(() => checkUnpin(pinWith({ type: 'meta' }))).not.toThrow()
  })

  test('of a part of sharded content is refused', () => {
    expect(() => checkUnpin(pinWith({ type: 'shard' }))).toThrow(
      'cannot unpin a shard directly. Unpin content root CID instead',
    )
    expect(() => checkUnpin(pinWith({ type: 'cluster-dag' }))).toThrow(
      'cannot unpin a Cluster DAG directly. Unpin content root CID instead',
    )
  })
})
