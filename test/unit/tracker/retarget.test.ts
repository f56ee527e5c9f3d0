import { describe, expect, test } from 'bun:test'
import type { Pin } from '../../../core/pin/pin.ts'
import type { LocalRecord } from '../../../core/runtime/store.ts'
import { priorityClass } from '../../../core/tracker/priority.ts'
import { retarget } from '../../../core/tracker/retarget.ts'
import { allocatedPin, contentCid, pinOf } from '../../sim/content.ts'

const self = '12D3KooWSelf'
const other = '12D3KooWOther'
const cid = contentCid('content')
const now = 1_800_000_000_000
const sequence = 42
const recent = { timestamp: BigInt(now - 1_000) * 1_000_000n }
const longAgo = { timestamp: BigInt(now - 25 * 3_600_000) * 1_000_000n }

const pinned: LocalRecord = {
  cid,
  want: 'recursive',
  status: 'pinned',
  generation: 7,
  attempts: 0,
  error: '',
  since: 1,
  nextTryAt: 0,
  priority: priorityClass.fresh,
  owned: true,
  bytes: 100,
}

function change(record: LocalRecord | undefined, before: Pin | undefined, after: Pin | undefined) {
  return retarget({ self, cid, record, before, after, sequence, now })
}

describe('a pin that becomes this peer’s', () => {
  test('is queued at once, as not owned yet', () => {
    expect(change(undefined, undefined, pinOf(cid, recent))).toEqual({
      cid,
      want: 'recursive',
      status: 'pin_queued',
      generation: sequence,
      attempts: 0,
      error: '',
      since: now,
      nextTryAt: now,
      priority: priorityClass.fresh,
      owned: false,
    })
  })

  test('is wanted directly when its mode is direct', () => {
    expect(change(undefined, undefined, pinOf(cid, { mode: 'direct' }))?.want).toBe('direct')
  })

  test('comes after newer ones when it was logged long ago, or nobody knows when', () => {
    expect(change(undefined, undefined, pinOf(cid, longAgo))?.priority).toBe(priorityClass.old)
    expect(change(undefined, undefined, pinOf(cid))?.priority).toBe(priorityClass.old)
  })

  test('is queued when its allocations come to name this peer', () => {
    const record = change(undefined, allocatedPin(cid, [other]), allocatedPin(cid, [other, self]))
    expect(record?.status).toBe('pin_queued')
  })
})

describe('a pin that is not this peer’s', () => {
  test('makes no record', () => {
    expect(change(undefined, undefined, allocatedPin(cid, [other]))).toBeUndefined()
  })

  test('makes no record when it is a meta pin, even when it is everywhere', () => {
    expect(change(undefined, undefined, pinOf(cid, { type: 'meta' }))).toBeUndefined()
  })
})

describe('a pin that stops being this peer’s', () => {
  test.each([
    ['is unpinned', undefined],
    ['is allocated elsewhere', allocatedPin(cid, [other])],
  ])('is queued to be unpinned from IPFS when it %s and this peer pinned it', (_how, after) => {
    expect(change({ ...pinned, attempts: 3, error: 'cause' }, pinOf(cid), after)).toEqual({
      ...pinned,
      want: 'none',
      status: 'unpin_queued',
      generation: sequence,
      attempts: 0,
      error: '',
      since: now,
      nextTryAt: now,
      priority: priorityClass.fresh,
    })
  })

  test.each(['pin_queued', 'pin_error', 'pinned'] as const)(
    'is forgotten without touching IPFS when this peer never began to pin it (%s)',
    (status) => {
      expect(change({ ...pinned, status, owned: false }, pinOf(cid), undefined)).toBeUndefined()
    },
  )

  test('goes on being unpinned as before while it changes elsewhere', () => {
    const record: LocalRecord = { ...pinned, want: 'none', status: 'unpin_error', attempts: 2 }
    expect(change(record, undefined, allocatedPin(cid, [other]))).toBe(record)
  })
})

describe('options that change nothing of what is to be held', () => {
  test.each(['pinned', 'pinning'] as const)('leave a record that is %s as it is', (status) => {
    const record = { ...pinned, status }
    expect(change(record, pinOf(cid), pinOf(cid, { name: 'new name', ...recent }))).toBe(record)
  })

  test('make a failed pin due at once, with what is known of its failures', () => {
    const record: LocalRecord = {
      ...pinned,
      status: 'pin_error',
      attempts: 3,
      error: 'cause',
      nextTryAt: now + 1_000_000,
      priority: priorityClass.failing,
    }
    const origins = ['/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWOrigin']
    expect(change(record, pinOf(cid), pinOf(cid, { origins, ...recent }))).toEqual({
      ...record,
      status: 'pin_queued',
      since: now,
      nextTryAt: now,
      priority: priorityClass.retried,
    })
  })

  test('make a waiting pin new, without moving it back in its queue', () => {
    const record: LocalRecord = { ...pinned, status: 'pin_queued', priority: priorityClass.old, nextTryAt: 5 }
    expect(change(record, pinOf(cid), pinOf(cid, recent))).toEqual({
      ...record,
      priority: priorityClass.fresh,
    })
  })
})

describe('a change of what is to be held', () => {
  test('queues the upgrade from direct to recursive, of a new generation and still owned', () => {
    const record = change({ ...pinned, want: 'direct' }, pinOf(cid, { mode: 'direct' }), pinOf(cid))
    expect(record).toMatchObject({
      want: 'recursive',
      status: 'pin_queued',
      generation: sequence,
      owned: true,
    })
  })

  test('turns an unpin under way into a pin that this peer still owns', () => {
    const unpinning: LocalRecord = { ...pinned, want: 'none', status: 'unpinning', attempts: 1 }
    expect(change(unpinning, undefined, pinOf(cid))).toMatchObject({
      want: 'recursive',
      status: 'pin_queued',
      generation: sequence,
      attempts: 0,
      owned: true,
    })
  })

  test('turns a pin under way into an unpin', () => {
    expect(change({ ...pinned, status: 'pinning', attempts: 1 }, pinOf(cid), undefined)).toMatchObject({
      want: 'none',
      status: 'unpin_queued',
      generation: sequence,
      owned: true,
    })
  })
})
