import { describe, expect, test } from 'bun:test'
import { bytesText } from '../../../commands/text/bytes.ts'
import { connectGraphText } from '../../../commands/text/connect-graph.ts'
import { idText } from '../../../commands/text/id.ts'
import { alertText, bandwidthText, metricText } from '../../../commands/text/monitoring.ts'
import { addedText, pinText, repoGcText, statusText } from '../../../commands/text/pin.ts'
import { relativeTime } from '../../../commands/text/relative-time.ts'
import type {
  ConnectGraphObject,
  GlobalPinObject,
  IdObject,
  MetricObject,
  PinObject,
} from '../../../core/client/shapes.ts'

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

describe('metrics and alerts', () => {
  const now = 1_795_394_841_000
  const metric: MetricObject = {
    name: 'freespace',
    peer: '12D3A',
    value: '9999975214',
    expire: 1_795_394_847_500_000_000n,
    valid: true,
    weight: 9_999_975_214,
    partitionable: false,
    received_at: 1_795_394_841_000_000_000n,
  }

  test('show free space as a size, other values as they are, and how long they hold', () => {
    expect(metricText(metric, now)).toBe('12D3A | freespace: 10 GB | Expires in: 6 seconds from now\n')
    expect(metricText({ ...metric, weight: 0, value: '0' }, now)).toContain('| freespace: 0 |')
    expect(metricText({ ...metric, name: 'reposize' }, now)).toContain('| reposize: 9999975214 |')
  })

  test('tell when they ran out, and when that was noticed', () => {
    const alert = { ...metric, name: 'ping', expire: 1_795_394_827_000_000_000n }
    expect(alertText({ ...alert, triggered_at: '2026-11-23T00:47:18Z' }, now)).toBe(
      '12D3A: ping. Expired at: 14 seconds ago. Triggered at: 3 seconds ago\n',
    )
    expect(alertText({ ...alert, triggered_at: '0001-01-01T00:00:00Z' }, now)).toContain(
      'Triggered at: a long while ago',
    )
  })

  test('come after names of protocols that are aligned at their ends', () => {
    const id = { total_in: 632, total_out: 632, rate_in: 0, rate_out: 1234.567 }
    expect(bandwidthText({ '/ipfs/id/1.0.0': id, '': { ...id, total_in: 0 } })).toBe(
      '                         : In:     0 B. Out:   632 B. RateIn: 0.00B/s. RateOut: 1234.57B/s\n' +
        '           /ipfs/id/1.0.0: In:   632 B. Out:   632 B. RateIn: 0.00B/s. RateOut: 1234.57B/s\n',
    )
  })
})

const second = 1_000_000_000n
const day = 86_400n * second

test.each([
  [0n, 'now'],
  [second - 1n, 'now'],
  [second, '1 second ago'],
  [-2n * second, '2 seconds from now'],
  [60n * second, '1 minute ago'],
  [119n * second, '1 minute ago'],
  [120n * second, '2 minutes ago'],
  [3_600n * second, '1 hour ago'],
  [-day + 1n, '23 hours from now'],
  [day, '1 day ago'],
  [13n * day, '1 week ago'],
  [29n * day, '4 weeks ago'],
  [59n * day, '1 month ago'],
  [359n * day, '11 months ago'],
  [360n * day, '1 year ago'],
  [540n * day, '2 years ago'],
  [36n * 360n * day, '36 years ago'],
  [37n * 360n * day, 'a long while ago'],
])('%d ns before is %s', (distance, text) => {
  const now = 1_795_394_841n * second
  expect(relativeTime(now - distance, now)).toBe(text)
})

test('what a peer of another version leaves out is left out', () => {
  const bare = <Shape>() => ({ cid: 'Qm', id: '12D3' }) as unknown as Shape
  expect(pinText(bare())).toStartWith('Qm |  | PIN | ')
  expect(statusText({ ...bare<GlobalPinObject>(), peer_map: { a: {} as never } })).toStartWith('Qm:\n    > a')
  expect(idText(bare())).toStartWith('12D3 | ')
  expect(repoGcText(bare())).toBe('')
})

describe('the graph of connections', () => {
  const [self, trusted, other] = ['12D3KooWselfAAAAAA', '12D3KooWtrustBBBBBB', '12D3KooWotherCCCCCC']
  const [ipfsA, ipfsB, stranger] = ['12D3KooWipfs1DDDDDD', '12D3KooWipfs2EEEEEE', 'QmStrangeFFFFFF']
  const graph: ConnectGraphObject = {
    cluster_id: self,
    id_to_peername: { [self]: 'peer1', [trusted]: '<b>&', [other]: 'peer3' },
    ipfs_links: { [ipfsA]: [ipfsB, stranger], [ipfsB]: null },
    cluster_links: { [self]: [trusted, 'not drawn'], [trusted]: [self], [other]: [] },
    cluster_trust_links: { [self]: true, [trusted]: true, [other]: false },
    cluster_to_ipfs: { [self]: ipfsA, [trusted]: ipfsB },
  }
  const nodes = (text: string) =>
    [...text.matchAll(/^([CTI]\d) \[label=(.*?) group/gm)].map(([, ...rest]) => rest)
  const edges = (text: string) => text.match(/^[CTI]\d -> .*$/gm)

  test('draws peers, their IPFS nodes, and what is wrong, and escapes names', () => {
    const text = connectGraphText(graph)
    expect(nodes(text)).toEqual([
      ['C0', '< <B> peer3 </B> <BR/> <B> 12*CCCCCC </B> >'],
      ['C1', '< <B> peer1 </B> <BR/> <B> 12*AAAAAA </B> >'],
      ['T2', '< <B> &lt;b&gt;&amp; </B> <BR/> <B> 12*BBBBBB </B> >'],
      ['I0', '< <B> IPFS </B> <BR/> <B> 12*DDDDDD </B> >'],
      ['I1', '< <B> IPFS </B> <BR/> <B> 12*EEEEEE </B> >'],
      ['I2', '< <B> IPFS </B> <BR/> <B> Errored </B> >'],
    ])
    expect(edges(text)).toEqual([
      'C1 -> T2',
      'T2 -> C1',
      'C0 -> I2 [ style="dotted" ]',
      'C1 -> I0',
      'T2 -> I1',
      'I0 -> I1',
    ])
    expect(text).toEndWith('\n}')
  })

  test('draws IPFS nodes of no peer when it is asked to', () => {
    const text = connectGraphText(graph, { allIpfsPeers: true })
    expect(nodes(text)).toHaveLength(7)
    expect(edges(text)).toContain('I0 -> I2')
    expect(text).toContain('Qm*FFFFFF')
  })
})
