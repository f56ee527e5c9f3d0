import { describe, expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { goJson, parseGoJson } from '../../../core/pin/go-json.ts'
import { globalPinInfoToJson, peerIdentityToJson } from '../../../core/pin/info-json.ts'
import { parsePinJson, parsePinText, pinToJson } from '../../../core/pin/json.ts'
import { defaultPinOptions } from '../../../core/pin/options.ts'
import type { PeerPinInfo } from '../../../core/pin/pin-info.ts'
import { requestedPin } from '../../../core/pin/validation.ts'

const text = 'QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'
const cid = CID.parse(text)
const peerA = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const peerB = '12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq'

describe('JSON as Go writes it', () => {
  const cases: [Parameters<typeof goJson>[0], string][] = [
    ['<a>&\u2028\u2029"\\', '"\\u003ca\\u003e\\u0026\\u2028\\u2029\\"\\\\"'],
    ['\u0000\n\t\u001f', '"\\u0000\\n\\t\\u001f"'],
    ['a\ud800', '"a\ufffd"'],
    [18446744073709551615n, '18446744073709551615'],
    [1.5, '1.5'],
    [null, 'null'],
    [[], '[]'],
    [
      new Map([
        ['10', 1],
        ['9', 2],
        ['\u{1f600}', 3],
        ['\uffff', 4],
      ]),
      '{"10":1,"9":2,"\uffff":4,"\u{1f600}":3}',
    ],
    [{ b: 1, a: undefined, c: [true, { d: 'e' }] }, '{"b":1,"c":[true,{"d":"e"}]}'],
    [{ '<': 1 }, '{"\\u003c":1}'],
  ]
  for (const [value, json] of cases) test(json, () => expect(goJson(value)).toBe(json))

  test('is read with whole large integers', () => {
    expect(parseGoJson('[18446744073709551615,-9223372036854775808,7,1.5,1e30]')).toEqual([
      18446744073709551615n,
      -9223372036854775808n,
      7,
      1.5,
      1e30,
    ])
  })
})

describe('a pin as JSON', () => {
  const bare = requestedPin(cid, defaultPinOptions())

  test('writes what is absent otherwise when submitted than when stored', () => {
    expect(goJson(pinToJson(bare, 'submitted'))).toBe(
      '{"replication_factor_min":0,"replication_factor_max":0,"name":"","mode":"recursive","shard_size":0,' +
        '"user_allocations":null,"expire_at":"0001-01-01T00:00:00Z","metadata":{},"pin_update":null,"origins":null,' +
        `"cid":"${text}","type":"pin","allocations":[],"max_depth":-1,"reference":null,` +
        '"timestamp":"0001-01-01T00:00:00Z"}',
    )
    const stored = goJson(pinToJson(bare, 'stored'))
    expect(stored).toContain('"metadata":null')
    expect(stored).toContain('"origins":[]')
  })

  test('is read with next to nothing given', () => {
    expect(parsePinText(`{"cid":"${text}"}`)).toEqual(bare)
    expect(
      parsePinText(`{"cid":"${text}","mode":"direct","metadata":null,"origins":null,"later":1}`),
    ).toEqual({
      ...bare,
      mode: 'direct',
      maxDepth: 0,
    })
  })

  test('keeps a shard size beyond 2^53', () => {
    const pin = parsePinText(`{"cid":"${text}","shard_size":18446744073709551615}`)
    expect(pin.shardSize).toBe(2n ** 64n - 1n)
    expect(goJson(pinToJson(pin, 'stored'))).toContain('"shard_size":18446744073709551615')
  })

  const faults: [string, RegExp][] = [
    ['nonsense', /^a pin is expected as a JSON object: /],
    ['[]', /^a pin is expected as a JSON object$/],
    ['{}', /without the key "cid": expected a CID/],
    [`{"cid":null}`, /without the key "cid"/],
    [`{"cid":"Qm"}`, /^key "cid" is "Qm": expected a CID \(invalid cid: /],
    [`{"cid":"${text}","name":5}`, /^key "name" is 5: expected a text$/],
    [`{"cid":"${text}","mode":"deep"}`, /^key "mode" is "deep": expected recursive or direct$/],
    [`{"cid":"${text}","type":"all"}`, /^key "type" is "all": expected bad-type, pin, meta-pin/],
    [
      `{"cid":"${text}","replication_factor_min":1.5}`,
      /^key "replication_factor_min" is 1.5: expected an integer/,
    ],
    [`{"cid":"${text}","replication_factor_min":4294967296}`, /replication_factor_min is out of range/],
    [`{"cid":"${text}","shard_size":-1}`, /^key "shard_size" is -1: expected an integer from 0/],
    [`{"cid":"${text}","shard_size":18446744073709551616}`, /^key "shard_size" is 18446744073709551616: /],
    [
      `{"cid":"${text}","expire_at":"soon"}`,
      /^key "expire_at" is "soon": expected an RFC 3339 time \(parsing time/,
    ],
    [
      `{"cid":"${text}","allocations":["x"]}`,
      /^key "allocations" is \["x"\]: expected a list of peer IDs \("x" is no/,
    ],
    [`{"cid":"${text}","allocations":"${peerA}"}`, /^key "allocations" is "12D3/],
    [`{"cid":"${text}","metadata":{"a":1}}`, /^key "metadata" is {"a":1}: expected an object of texts/],
    [`{"cid":"${text}","origins":["/ip4/nowhere"]}`, /^key "origins" is .*error decoding multiaddress/],
    [`{"cid":"${text}","name":"${'x'.repeat(5000)}"}`, /name of 5000 bytes: at most 4096 are allowed/],
    [`{"cid":"${'b'.repeat(300)}"}`, /^key "cid" is "b{79}…: expected a CID/],
  ]
  for (const [json, message] of faults) {
    test(`${json.slice(0, 110)} is refused`, () => {
      expect(() => parsePinText(json)).toThrow(expect.objectContaining({ name: 'InvalidPinError' }))
      expect(() => parsePinText(json)).toThrow(message)
    })
  }

  test('is not taken from a prototype', () => {
    expect(() => parsePinJson(Object.create({ cid: text }))).toThrow(/without the key "cid"/)
  })
})

describe('a status as JSON', () => {
  const row: PeerPinInfo = {
    peerName: 'peer1',
    ipfsPeerId: '',
    ipfsPeerAddresses: [],
    status: 'pinning',
    timestamp: 1795394554187946430n,
    error: '',
    attemptCount: 1,
    priorityPin: true,
  }
  const info = { cid, name: 'n', allocations: [], created: 1795394554000000000n }

  test('has peers sorted, empty things left out, and the order of the original', () => {
    const peerMap = new Map([
      [peerA, { ...row, ipfsPeerId: peerB, ipfsPeerAddresses: ['/dns4/a/tcp/1'] }],
      [peerB, row],
    ])
    expect(goJson(globalPinInfoToJson({ ...info, origins: [], metadata: { k: 'v' }, peerMap }))).toBe(
      `{"cid":"${text}","name":"n","allocations":[],"origins":[],"created":"2026-11-23T00:42:34Z",` +
        `"metadata":{"k":"v"},"peer_map":{"${peerB}":{"peername":"peer1","status":"pinning",` +
        '"timestamp":"2026-11-23T00:42:34.18794643Z","error":"","attempt_count":1,"priority_pin":true},' +
        `"${peerA}":{"peername":"peer1","ipfs_peer_id":"${peerB}","ipfs_peer_addresses":["/dns4/a/tcp/1"],` +
        '"status":"pinning","timestamp":"2026-11-23T00:42:34.18794643Z","error":"","attempt_count":1,' +
        '"priority_pin":true}}}',
    )
  })

  test('of a CID that is not in the pinset has null for its lists', () => {
    expect(goJson(globalPinInfoToJson({ ...info, peerMap: new Map() }))).toBe(
      `{"cid":"${text}","name":"n","allocations":null,"origins":null,"created":"2026-11-23T00:42:34Z",` +
        '"metadata":null,"peer_map":{}}',
    )
  })
})

describe('an identity as JSON', () => {
  test('has every key in the order of the original', () => {
    const identity = {
      id: peerA,
      addresses: [`/ip4/127.0.0.1/tcp/9096/p2p/${peerA}`],
      clusterPeers: [peerA],
      clusterPeersAddresses: [],
      version: '1.1.6',
      commit: '',
      rpcProtocolVersion: '/ipfscluster/1.0/rpc',
      error: '',
      ipfs: { id: '', addresses: [], error: 'no answer' },
      peerName: 'peer1',
    }
    expect(goJson(peerIdentityToJson(identity))).toBe(
      `{"id":"${peerA}","addresses":["/ip4/127.0.0.1/tcp/9096/p2p/${peerA}"],"cluster_peers":["${peerA}"],` +
        '"cluster_peers_addresses":[],"version":"1.1.6","commit":"","rpc_protocol_version":"/ipfscluster/1.0/rpc",' +
        '"error":"","ipfs":{"addresses":null,"error":"no answer"},"peername":"peer1"}',
    )
  })

  test('of a peer that did not answer has null for its lists', () => {
    const silent = {
      id: peerA,
      addresses: [],
      clusterPeers: [],
      clusterPeersAddresses: [],
      version: '',
      commit: '',
      rpcProtocolVersion: '',
      error: 'dial failed',
      ipfs: { id: '', addresses: [], error: '' },
      peerName: '',
    }
    expect(goJson(peerIdentityToJson(silent))).toBe(
      `{"id":"${peerA}","addresses":null,"cluster_peers":null,"cluster_peers_addresses":null,"version":"",` +
        '"commit":"","rpc_protocol_version":"","error":"dial failed","ipfs":{"addresses":null,"error":""},' +
        '"peername":""}',
    )
  })
})
