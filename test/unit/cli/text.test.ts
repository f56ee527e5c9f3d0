import { describe, expect, test } from 'bun:test'
import { bytesText } from '../../../commands/text/bytes.ts'
import { idText } from '../../../commands/text/id.ts'
import { addedText, pinText, repoGcText, statusText } from '../../../commands/text/pin.ts'
import type { GlobalPinObject, IdObject, PinObject } from '../../../core/client/shapes.ts'

const pin: PinObject = {
  replication_factor_min: -1,
  replication_factor_max: -1,
  name: 'name',
  mode: 'recursive',
  shard_size: 0,
  user_allocations: null,
  expire_at: '0001-01-01T00:00:00Z',
  metadata: null,
  pin_update: null,
  origins: [],
  cid: 'Qm1',
  type: 'pin',
  allocations: [],
  max_depth: -1,
  reference: null,
  timestamp: '2026-11-23T00:44:30Z',
}

describe('a pin', () => {
  test('everywhere', () => {
    expect(pinText(pin)).toBe(
      'Qm1 | name | PIN | Repl. Factor: -1 | Allocations: [everywhere] | Recursive | Metadata: no | Exp: ∞ | Added: 2026-11-23 00:44:30\n',
    )
  })

  test('direct, with allocations sorted, metadata and expiry', () => {
    const direct: PinObject = {
      ...pin,
      name: '',
      mode: 'direct',
      max_depth: 0,
      replication_factor_min: 1,
      replication_factor_max: 3,
      allocations: ['B', 'A'],
      metadata: { a: 'b' },
      expire_at: '2026-11-23T02:45:12.5+02:00',
      timestamp: '0001-01-01T00:00:00Z',
    }
    expect(pinText(direct)).toBe(
      'Qm1 |  | PIN-DIRECT | Repl. Factor: 1--3 | Allocations: [A B] | Direct | Metadata: yes | Exp: 2026-11-23 02:45:12 | Added: unknown\n',
    )
  })

  test.each([
    [{ type: 'meta-pin', max_depth: 2 }, 'META-PIN', 'Recursive-2'],
    [{ type: 'clusterdag-pin', mode: 'direct', max_depth: 0 }, 'CLUSTERDAG-PIN-DIRECT', 'Direct'],
    [{ type: 'shard-pin', max_depth: 1 }, 'SHARD-PIN', 'Recursive-1'],
  ] as const)('of type %j', (changes, type, depth) => {
    const fields = pinText({ ...pin, ...changes }).split(' | ')
    expect([fields[2], fields[5]]).toEqual([type, depth])
  })
})

describe('a status', () => {
  const peer = {
    peername: 'peer2',
    status: 'pinned',
    timestamp: '2026-11-23T00:45:12Z',
    error: '',
    attempt_count: 0,
    priority_pin: false,
  }
  const status: GlobalPinObject = {
    cid: 'Qm1',
    name: 'direct1',
    allocations: [],
    origins: [],
    created: '2026-11-23T00:45:12Z',
    metadata: null,
    peer_map: {
      '12D3Z': { ...peer, peername: 'peer1', status: 'remote', timestamp: '2026-11-23T00:45:12.311153057Z' },
      '12D3B': peer,
    },
  }

  test('is a line a peer, sorted by ID, names padded', () => {
    expect(statusText(status)).toBe(
      'Qm1 | direct1:\n' +
        '    > peer2                : PINNED | 2026-11-23T00:45:12Z | Attempts: 0 | Priority: false\n' +
        '    > peer1                : REMOTE | 2026-11-23T00:45:12.311153057Z | Attempts: 0 | Priority: false\n',
    )
  })

  test('has no name when there is none, the ID of a peer without name, and the error of one that failed', () => {
    const failed = {
      ...peer,
      peername: '',
      status: 'pin_error',
      error: 'no route',
      attempt_count: 3,
      priority_pin: true,
    }
    expect(statusText({ ...status, name: '', peer_map: { '12D3B': failed } })).toBe(
      'Qm1:\n    > 12D3B                : PIN_ERROR: no route | 2026-11-23T00:45:12Z | Attempts: 3 | Priority: true\n',
    )
  })

  test('counts characters, not their halves, when it pads', () => {
    expect(statusText({ ...status, peer_map: { a: { ...peer, peername: 'pé🦊' } } })).toContain(
      `> pé🦊${' '.repeat(17)} : PINNED`,
    )
  })
})

describe('an identity', () => {
  const id: IdObject = {
    id: '12D3A',
    addresses: ['/ip4/2', '/ip4/1'],
    cluster_peers: ['12D3A', '12D3B'],
    cluster_peers_addresses: [],
    version: '1.1.6',
    commit: '',
    rpc_protocol_version: '',
    error: '',
    ipfs: { id: '12D3I', addresses: ['/ip4/3'], error: '' },
    peername: 'peer1',
  }

  test('shows addresses sorted', () => {
    expect(idText(id)).toBe(
      '12D3A | peer1 | Sees 1 other peers\n  > Addresses:\n    - /ip4/1\n    - /ip4/2\n  > IPFS: 12D3I\n    - /ip4/3\n',
    )
  })

  test('shows what failed: IPFS, or the peer itself', () => {
    expect(idText({ ...id, addresses: [], ipfs: { addresses: null, error: 'down' } })).toBe(
      '12D3A | peer1 | Sees 1 other peers\n  > Addresses:\n  > IPFS ERROR: down\n',
    )
    expect(idText({ ...id, error: 'unreachable' })).toBe('12D3A | ERROR: unreachable\n')
  })
})

test('an added file, and what a garbage collection removed', () => {
  expect(addedText({ name: 'f', cid: 'Qm1' })).toBe('added Qm1 f\n')
  expect(
    repoGcText({
      peer_map: {
        b: { peer: 'b', peername: 'peer2', keys: [{ key: 'bafk1' }, { key: null, error: 'oops' }] },
        a: { peer: 'a', peername: '', keys: [], error: 'down' },
      },
    }),
  ).toBe(
    'a               | ERROR: down\n  > CIDs:\npeer2          \n  > CIDs:\n    - bafk1\n    - ERROR: oops\n',
  )
})

test.each([
  [0, '0 B'],
  [9, '9 B'],
  [322, '322 B'],
  [5_400, '5.4 kB'],
  [11_000, '11 kB'],
  [82_854_982, '83 MB'],
  [10_000_000_000, '10 GB'],
])('%d bytes are %s', (bytes, text) => {
  expect(bytesText(bytes)).toBe(text)
})
