import { describe, expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { defaultPinOptions, pinOptionsFromQuery, pinOptionsToQuery } from '../../../core/pin/options.ts'
import type { PinOptions } from '../../../core/pin/pin.ts'

const now = 1_700_000_000_123_456_789n
const peer = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const origin = `/ip4/1.2.3.4/tcp/4001/p2p/${peer}`
const cid = CID.parse('QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq')

function read(query: string): PinOptions {
  return pinOptionsFromQuery(new URLSearchParams(query), now)
}

describe('pin options in a query', () => {
  const cases: [string, Partial<PinOptions>][] = [
    ['', {}],
    ['replication=2', { replicationFactorMin: 2, replicationFactorMax: 2 }],
    [
      'replication=-1&replication-min=1&replication-max=3',
      { replicationFactorMin: -1, replicationFactorMax: -1 },
    ],
    ['replication-min=1&replication-max=%2B3', { replicationFactorMin: 1, replicationFactorMax: 3 }],
    ['replication=&replication-min=&replication-max=', {}],
    ['name=a+b%26&name=second', { name: 'a b&' }],
    ['mode=direct', { mode: 'direct' }],
    ['mode=', {}],
    ['shard-size=18446744073709551615', { shardSize: 2n ** 64n - 1n }],
    [`user-allocations=${peer},nonsense,,Qm`, { userAllocations: [peer] }],
    ['user-allocations=k51qzi5uqu5dj', {}],
    ['expire-at=2023-11-14T22:13:20.5Z', { expireAt: 1_700_000_000_500_000_000n }],
    ['expire-at=0001-01-01T00:00:00Z', {}],
    ['expire-in=1h', { expireAt: now + 3_600_000_000_000n }],
    ['expire-in=1s', { expireAt: now + 1_000_000_000n }],
    ['expire-at=2023-11-14T22:13:20Z&expire-in=nonsense', { expireAt: 1_700_000_000_000_000_000n }],
    ['meta-a=1&meta-a=2&meta-=x&meta-b=&meta=y', { metadata: { a: '1', b: '' } }],
    [`pin-update=${cid}`, { pinUpdate: cid }],
    [`origins=${origin},${origin}`, { origins: [origin, origin] }],
    ['unknown=1', {}],
  ]
  for (const [query, expected] of cases) {
    test(`"${query.slice(0, 70)}" is read`, () =>
      expect(read(query)).toEqual({ ...defaultPinOptions(), ...expected }))
  }

  const faults: [string, string | RegExp][] = [
    ['replication-min=x', 'parameter replication-min invalid'],
    ['replication-max=1.5', 'parameter replication-max invalid'],
    ['replication-max=2147483648', 'parameter replication-max invalid'],
    ['replication=x', 'parameter replication-min invalid'],
    ['shard-size=-1', 'parameter shard_size is invalid'],
    ['shard-size=18446744073709551616', 'parameter shard_size is invalid'],
    ['mode=deep', 'parameter mode invalid: "deep", use recursive or direct'],
    [
      'expire-at=xx',
      'expire-at cannot be parsed: parsing time "xx" as "2006-01-02T15:04:05Z07:00": cannot parse "xx" as "2006"',
    ],
    ['expire-in=xx', 'expire-in cannot be parsed: time: invalid duration "xx"'],
    ['expire-in=900ms', 'expire-in duration too short'],
    ['expire-in=-1h', 'expire-in duration too short'],
    ['pin-update=xx', 'error decoding update option parameter: invalid cid: selected encoding not supported'],
    ['origins=/ip4/nowhere', /^error decoding multiaddress: /],
    ['origins=/ip4/1.2.3.4/tcp/1', 'multiaddress does not contain peer ID: protocol not found in multiaddr'],
    [`name=${'x'.repeat(4097)}`, 'name of 4097 bytes: at most 4096 are allowed'],
    [`name=${encodeURIComponent('é'.repeat(2049))}`, 'name of 4098 bytes: at most 4096 are allowed'],
    [`meta-a=${'x'.repeat(65536)}`, 'metadata of 65537 bytes: at most 65536 are allowed'],
    [
      Array.from({ length: 1001 }, (_, i) => `meta-${i}=`).join('&'),
      'metadata of 1001 keys: at most 1000 are allowed',
    ],
    [`origins=${Array(101).fill(origin).join(',')}`, 'origins of 101 addresses: at most 100 are allowed'],
    [
      `user-allocations=${Array(1001).fill(peer).join(',')}`,
      'user-allocations of 1001 peers: at most 1000 are allowed',
    ],
    [`origins=/dns4/${'a'.repeat(1100)}/tcp/1`, /characters, at most 1024 are allowed/],
  ]
  for (const [query, message] of faults) {
    test(`"${query.slice(0, 70)}" is refused`, () => {
      const expected = { name: 'InvalidPinOptionError' }
      expect(() => read(query)).toThrow(expect.objectContaining(expected))
      expect(() => read(query)).toThrow(typeof message === 'string' ? new Error(message) : message)
    })
  }

  test('are written as the original client writes them', () => {
    expect(pinOptionsToQuery(defaultPinOptions()).toString()).toBe(
      'mode=recursive&name=&replication-max=0&replication-min=0&shard-size=0&user-allocations=',
    )
  })

  test('are read back as they were written', () => {
    const options: PinOptions = {
      replicationFactorMin: 1,
      replicationFactorMax: 3,
      name: 'ünï & code',
      mode: 'direct',
      shardSize: 2n ** 60n,
      userAllocations: [peer],
      expireAt: 1_700_000_001_000_000_005n,
      metadata: { a: 'b', 'c=d': '&' },
      pinUpdate: cid,
      origins: [origin],
    }
    expect(read(pinOptionsToQuery(options).toString())).toEqual(options)
  })
})
