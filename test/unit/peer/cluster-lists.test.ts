import { describe, expect, test } from 'bun:test'
import { tmpdir } from 'node:os'
import type { CID } from 'multiformats/cid'
import { pinInfoToWire } from '../../../core/network/rpc/conversion.ts'
import { statusPageFromWire, statusPageToWire } from '../../../core/network/rpc/status-pages.ts'
import { Answers } from '../../../core/peer/answers.ts'
import { ClusterLists } from '../../../core/peer/cluster-lists.ts'
import type { GlobalPinInfo } from '../../../core/pin/pin-info.ts'
import { notTrusted, rowOf, sortedCids, type ToldPeer, toldCalls } from '../../support/paged-peers.ts'
import { ManualClock, other, peerOf, self } from '../store/fixtures.ts'

const third = peerOf('third')
const cids = sortedCids(9)

function reportOf(cid: CID): GlobalPinInfo {
  const { info, peer, ...pin } = rowOf(cid, self)
  return { ...pin, created: 5n, peerMap: new Map([[peer, info]]) }
}

function lists(peers: Record<string, ToldPeer | Error>, own: CID[] = []) {
  const calls = toldCalls(peers)
  const answers = new Answers({
    namesOf: (peer) => ({ peerName: `ping of ${peer}`, ipfsId: '', ipfsAddresses: [] }),
    clock: new ManualClock(),
  })
  const listed = new ClusterLists({
    own: {
      *statusAll() {
        for (const cid of own) yield reportOf(cid)
      },
      async *recoverAll() {
        for (const cid of own.toReversed()) yield reportOf(cid)
      },
      rowOf: ({ cid }) => rowOf(cid, self),
    },
    calls,
    others: () => Object.keys(peers),
    answers,
    pins: () => own.length,
    folder: tmpdir(),
  })
  return { calls, listed }
}

const rowsOf = (peer: string, indexes: number[]) => indexes.map((index) => rowOf(cids[index]!, peer))

/** `3: self other!` is a report about the CID of that index in which the other peer has an error. */
function texts(reports: GlobalPinInfo[]): string[] {
  const names = { [self]: 'self', [other]: 'other', [third]: 'third' }
  return reports.map(({ cid, peerMap }) => {
    const peers = [...peerMap].map(
      ([peer, { status }]) => `${names[peer]}${status === 'cluster_error' ? '!' : ''}`,
    )
    return `${cids.findIndex((each) => each.equals(cid))}: ${peers.sort().join(' ')}`
  })
}

describe('the status of all', () => {
  test('merges the pages of peers with the rows of this one, in the order of CIDs', async () => {
    const peers = {
      [other]: { rows: rowsOf(other, [0, 1, 3, 4, 8]), pageSize: 2 },
      [third]: { rows: rowsOf(third, [1, 2, 4, 5, 6]), pageSize: 1 },
    }
    const { listed } = lists(peers, [cids[1]!, cids[4]!, cids[7]!])
    const reports = await Array.fromAsync(listed.statusAll(0))
    expect(texts(reports)).toEqual([
      '0: other',
      '1: other self third',
      '2: third',
      '3: other',
      '4: other self third',
      '5: third',
      '6: third',
      '7: self',
      '8: other',
    ])
    // What this peer says of a pin comes first; what it does not have is described by another.
    expect(reports.map(({ name }) => name)[1]).toBe(`by ${self}`)
    expect(reports[0]).toMatchObject({ name: `by ${other}`, created: 5n, metadata: { of: other } })
    expect(reports[0]!.peerMap.get(other)).toEqual(rowOf(cids[0]!, other).info)
  })

  test('has one page of a peer in memory and one on its way, however slowly it is read', async () => {
    const { listed, calls } = lists({ [other]: { rows: rowsOf(other, [0, 1, 2, 3, 4, 5]), pageSize: 2 } })
    const reading = listed.statusAll(0)
    await reading.next()
    await reading.next()
    expect(calls.asked).toEqual([`${other} 0`, `${other} 2`])
    await reading.next()
    expect(calls.asked).toEqual([`${other} 0`, `${other} 2`, `${other} 4`])
    expect(calls.signals.some(({ aborted }) => aborted)).toBe(false)
    await reading.return(undefined)
    expect(calls.signals.every(({ aborted }) => aborted)).toBe(true)
  })

  test('shows a peer that breaks off with its error at the CIDs that follow', async () => {
    const peers = {
      [other]: {
        rows: rowsOf(other, [0, 2, 4, 6]),
        pageSize: 1,
        breaksAfter: { rows: 2, error: new Error('it fell over') },
      },
    }
    const { listed } = lists(
      peers,
      [0, 1, 2, 3, 8].map((index) => cids[index]!),
    )
    const reports = await Array.fromAsync(listed.statusAll(0))
    expect(texts(reports)).toEqual([
      '0: other self',
      '1: self',
      '2: other self',
      '3: other! self',
      '8: other! self',
    ])
    expect(reports.at(-1)!.peerMap.get(other)).toMatchObject({
      error: 'it fell over',
      peerName: `ping of ${other}`,
    })
  })

  test('shows a peer that gives nothing with its error, and passes over one that does not trust this one', async () => {
    const { listed } = lists({ [other]: new Error('no way there'), [third]: notTrusted }, [cids[0]!])
    expect(texts(await Array.fromAsync(listed.statusAll(0)))).toEqual(['0: other! self'])
  })

  test('merges rows of the original, which come in any order, with pages', async () => {
    const peers = {
      [other]: { rows: rowsOf(other, [5, 0, 3]) },
      [third]: { rows: rowsOf(third, [0, 4]), pageSize: 1 },
    }
    const { listed } = lists(peers, [cids[3]!])
    expect(texts(await Array.fromAsync(listed.statusAll(0)))).toEqual([
      '0: other third',
      '3: other self',
      '4: third',
      '5: other',
    ])
  })

  test('takes no rows that are out of order, and none about what is no CID', async () => {
    const unsorted = { rows: rowsOf(other, [0, 2, 1]), pageSize: 1 }
    // It sorts before all CIDs.
    const nonsense = rowOf({ bytes: Uint8Array.of(0) } as unknown as CID, third)
    const peers = { [other]: unsorted, [third]: { rows: [nonsense, ...rowsOf(third, [1])], pageSize: 2 } }
    const reports = await Array.fromAsync(lists(peers, cids.slice(0, 4)).listed.statusAll(0))
    expect(texts(reports)).toEqual([
      '0: other self third!',
      '1: self third!',
      '2: other self third!',
      '3: other! self third!',
    ])
    expect(reports[3]!.peerMap.get(other)?.error).toContain('not in the order of their CIDs')
  })
})

describe('the recovery of all', () => {
  test('merges what every peer has queued again', async () => {
    const { listed } = lists({ [other]: { rows: rowsOf(other, [4, 2]) }, [third]: new Error('gone') }, [
      cids[1]!,
      cids[2]!,
    ])
    expect(texts(await Array.fromAsync(listed.recoverAll()))).toEqual([
      '1: self third!',
      '2: other self third!',
      '4: other third!',
    ])
  })
})

describe('a page', () => {
  test('carries what a row of the original says', () => {
    const row = rowOf(cids[0]!, other, 'pin_error')
    row.allocations = [other, third]
    row.origins = ['/ip4/192.0.2.1/tcp/4001']
    row.info.error = 'no space'
    row.info.attemptCount = 3
    row.info.priorityPin = true
    row.info.ipfsPeerId = third
    row.info.ipfsPeerAddresses = ['/ip4/192.0.2.2/tcp/4001']
    const { rows, next } = statusPageFromWire(statusPageToWire([row], 'on'), undefined)
    expect(next).toBe('on')
    const { cid, info, peer: _, ...pin } = row
    expect(rows.map(({ key, info, pin }) => ({ key, info, pin: pin() }))).toEqual([
      { key: cid.bytes, info, pin },
    ])
  })
})

describe('a peer of Go that gives rows without an end', () => {
  const endless = (bytes: string) => {
    const peers = { [other]: { rows: [] } }
    const { listed, calls } = lists(peers, [cids[0]!])
    let given = 0
    Object.assign(calls, {
      async *stream() {
        for (;;) {
          const row = rowOf(cids[given % cids.length]!, other)
          yield pinInfoToWire({ ...row, name: bytes })
          given++
        }
      },
    })
    return { listed, given: () => given }
  }

  for (const [what, name, most] of [
    ['rows', '', 100_002],
    ['bytes', 'x'.repeat(100_000), 5_000],
  ] as const) {
    test(`is asked for no more than a share of ${what}, and shown with an error`, async () => {
      const { listed, given } = endless(name)
      const reports = await Array.fromAsync(listed.statusAll(0))
      expect(given()).toBeLessThanOrEqual(most)
      expect(reports[0]!.peerMap.get(other)).toMatchObject({
        status: 'cluster_error',
        error: expect.stringContaining('more than there can be'),
      })
    }, 60_000)
  }
})
