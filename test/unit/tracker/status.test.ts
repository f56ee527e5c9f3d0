import { describe, expect, test } from 'bun:test'
import type { LocalRecord } from '../../../core/runtime/store.ts'
import type { InFlight } from '../../../core/tracker/driver.ts'
import { type LocalView, localStatus, peerPinInfo } from '../../../core/tracker/status.ts'
import { allocatedPin, contentCid, pinOf } from '../../sim/content.ts'

const self = '12D3KooWSelf'
const other = '12D3KooWOther'
const cid = contentCid('content')
const now = 1_800_000_000_000

const record: LocalRecord = {
  cid,
  want: 'recursive',
  status: 'pin_error',
  generation: 7,
  attempts: 2,
  error: 'cause',
  since: now - 5_000,
  nextTryAt: now,
  priority: 1,
  owned: true,
}
const running: InFlight = {
  status: 'pinning',
  generation: 7,
  attempts: 3,
  since: now - 1_000,
  progress: { blocks: 4, bytes: 40 },
}

function view(parts: Partial<LocalView>): LocalView {
  return { self, pin: undefined, record: undefined, inFlight: undefined, ...parts }
}

function report(parts: Partial<LocalView>, outageError?: string) {
  const outage = outageError === undefined ? undefined : { since: now, failures: 1, error: outageError }
  return peerPinInfo(view(parts), {
    peerName: 'name',
    ipfsPeerId: 'ipfs',
    ipfsPeerAddresses: ['/ip4/127.0.0.1/tcp/4001/p2p/ipfs'],
    outage,
    now,
  })
}

describe('the status of a CID', () => {
  test('is unpinned when neither pinset nor record knows it', () => {
    expect(localStatus(view({}))).toBe('unpinned')
  })

  test('is remote or sharded when this peer has no part in it', () => {
    expect(localStatus(view({ pin: allocatedPin(cid, [other]) }))).toBe('remote')
    expect(localStatus(view({ pin: pinOf(cid, { type: 'meta' }) }))).toBe('sharded')
  })

  test('is what its record says', () => {
    for (const status of [
      'pin_error',
      'pinned',
      'unpin_queued',
      'unpin_error',
      'unexpectedly_unpinned',
    ] as const) {
      expect(localStatus(view({ pin: pinOf(cid), record: { ...record, status } }))).toBe(status)
    }
  })

  test('shows an unpin under way of a pin that went elsewhere', () => {
    const unpinning = { ...record, want: 'none', status: 'unpin_error' } as const
    expect(localStatus(view({ pin: allocatedPin(cid, [other]), record: unpinning }))).toBe('unpin_error')
  })

  test('says pinning only while it runs', () => {
    const begun = { ...record, status: 'pinning' } as const
    expect(localStatus(view({ pin: pinOf(cid), record: begun }))).toBe('pin_queued')
    expect(localStatus(view({ pin: pinOf(cid), record: begun, inFlight: running }))).toBe('pinning')
    expect(localStatus(view({ record: { ...record, want: 'none', status: 'unpinning' } }))).toBe(
      'unpin_queued',
    )
  })

  test('does not show a try that its pin has overtaken', () => {
    const unpin = { ...record, want: 'none', status: 'unpin_queued', generation: 8 } as const
    expect(localStatus(view({ record: unpin, inFlight: running }))).toBe('unpin_queued')
  })
})

describe('a report about a CID', () => {
  test('carries cause, count and age of the record', () => {
    expect(report({ pin: pinOf(cid), record })).toEqual({
      peerName: 'name',
      ipfsPeerId: 'ipfs',
      ipfsPeerAddresses: ['/ip4/127.0.0.1/tcp/4001/p2p/ipfs'],
      status: 'pin_error',
      timestamp: BigInt(now - 5_000) * 1_000_000n,
      error: 'cause',
      attemptCount: 2,
      priorityPin: true,
    })
  })

  test('carries the progress of what runs', () => {
    expect(
      report({ pin: pinOf(cid), record: { ...record, status: 'pinning' }, inFlight: running }),
    ).toMatchObject({
      status: 'pinning',
      timestamp: BigInt(now - 1_000) * 1_000_000n,
      attemptCount: 3,
      progress: { blocks: 4, bytes: 40 },
    })
  })

  test('says what waits for the IPFS node, and why', () => {
    const queued = { ...record, status: 'pin_queued', error: '' } as const
    expect(report({ pin: pinOf(cid), record: queued }, 'refused').error).toBe(
      'waiting for the IPFS node: refused',
    )
    const stuck = { ...queued, status: 'pinning' } as const
    expect(report({ pin: pinOf(cid), record: stuck, inFlight: running }, 'refused').error).toBe(
      'waiting for the IPFS node: refused',
    )
    expect(report({ pin: pinOf(cid), record: { ...queued, status: 'pinned' } }, 'refused').error).toBe('')
    expect(report({ pin: pinOf(cid), record }, 'refused').error).toBe('cause')
  })

  test('says that an item should be pinned but is not', () => {
    const lost = { ...record, status: 'unexpectedly_unpinned', error: '' } as const
    expect(report({ pin: pinOf(cid), record: lost }).error).toBe('the item should be pinned but it is not')
  })

  test('has the time of the pin where nothing is held here, and now where nothing is known', () => {
    const timestamp = 5_000_000_000n
    expect(report({ pin: allocatedPin(cid, [other], { timestamp }) }).timestamp).toBe(timestamp)
    expect(report({}).timestamp).toBe(BigInt(now) * 1_000_000n)
  })
})
