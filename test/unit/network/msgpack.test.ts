import { describe, expect, test } from 'bun:test'
import {
  MsgpackError,
  MsgpackReader,
  MsgpackWriter,
  msgpackLimits,
  valueEnd,
} from '../../../core/network/rpc/msgpack.ts'
import {
  bool,
  bytes,
  type Codec,
  float,
  int,
  int64,
  list,
  mapOf,
  optional,
  required,
  struct,
  text,
  uint,
  uint64,
} from '../../../core/network/rpc/schema.ts'
import * as wire from '../../../core/network/rpc/wire-types.ts'
import metricVectors from '../../vectors/metrics.json'
import vectors from '../../vectors/msgpack.json'

const addParamsWire = struct({
  rn: optional(int),
  rx: optional(int),
  n: optional(text),
  s: optional(uint64),
  m: optional(mapOf(text)),
  Local: required(bool),
  Recursive: required(bool),
  Hidden: required(bool),
  Wrap: required(bool),
  Shard: required(bool),
  StreamChannels: required(bool),
  Format: required(text),
  NoPin: required(bool),
  Layout: required(text),
  Chunker: required(text),
  RawLeaves: required(bool),
  Progress: required(bool),
  CidVersion: required(int),
  HashFun: required(text),
  NoCopy: required(bool),
})

const addedOutputWire = struct({
  n: optional(text),
  c: required(wire.cid),
  b: optional(uint64),
  s: optional(uint64),
  a: optional(list(wire.peer)),
})

const codecs: Record<string, Codec<never>> = {
  int64,
  uint64,
  float64: float,
  bool,
  string: text,
  'protocol.ID': text,
  '[]byte': bytes,
  'struct{}': struct({}),
  'struct {}': struct({}),
  'time.Time': wire.time,
  'peer.ID': wire.peer,
  '[]peer.ID': list(wire.peer),
  'api.Cid': wire.cid,
  'api.Multiaddr': wire.multiaddr,
  'api.TrackerStatus': int,
  'api.IPFSPinStatus': int,
  'api.Pin': wire.pinWire,
  'api.PinPath': wire.pinPathWire,
  'api.PinInfo': wire.pinInfoWire,
  'api.GlobalPinInfo': wire.globalPinInfoWire,
  'api.ID': wire.idWire,
  'api.IPFSID': wire.ipfsIdWire,
  'api.Version': wire.versionWire,
  'api.Metric': wire.metricWire,
  '[]api.Metric': list(wire.metricWire),
  'api.Alert': wire.alertWire,
  'api.NodeWithMeta': wire.nodeWithMetaWire,
  'api.IPFSPinInfo': wire.ipfsPinInfoWire,
  'api.IPFSRepoStat': wire.repoStatWire,
  'api.RepoGC': wire.repoGcWire,
  'api.GlobalRepoGC': wire.globalRepoGcWire,
  'api.ConnectGraph': wire.connectGraphWire,
  'api.BandwidthByProtocol': wire.bandwidthWire,
  'api.AddedOutput': addedOutputWire,
  'api.AddParams': addParamsWire,
  'rpc.ServiceID': wire.serviceIdWire,
  'rpc.Response': wire.responseWire,
} as unknown as Record<string, Codec<never>>

function codecFor(type: string): Codec<never> {
  const codec = codecs[type]
  if (codec === undefined) throw new Error(`no codec for ${type}`)
  return codec
}

const fromHex = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const toHex = (data: Uint8Array) => Buffer.from(data).toString('hex')

function decode(type: string, hex: string): unknown {
  const reader = new MsgpackReader(fromHex(hex))
  const value = reader.takeNil() ? undefined : codecFor(type).read(reader)
  expect(reader.position).toBe(hex.length / 2)
  return value
}

function encode(type: string, value: unknown): string {
  const writer = new MsgpackWriter()
  if (value === undefined) writer.nil()
  else codecFor(type).write(writer, value as never)
  return toHex(writer.finish())
}

describe('msgpack as Go writes it', () => {
  for (const vector of vectors.values) {
    test(`reads and writes back ${vector.type} ${vector.name}`, () => {
      expect(encode(vector.type, decode(vector.type, vector.msgpack_hex))).toBe(vector.msgpack_hex)
    })
    test(`finds the end of ${vector.name} only when all of it is there`, () => {
      const data = fromHex(vector.msgpack_hex)
      expect(valueEnd(data, 0)).toBe(data.length)
      expect(valueEnd(data.subarray(0, -1), 0)).toBeUndefined()
    })
  }
  for (const metric of metricVectors.metrics) {
    test(`reads and writes back the metric ${metric.name}`, () => {
      const hex = metric.pubsub_data_hex
      expect(encode('api.Metric', decode('api.Metric', hex))).toBe(hex)
    })
  }
})

describe('msgpack as others may write it', () => {
  // Go knows struct fields by their long names too; no peer sends those.
  const longNames = ['metric full key name']
  for (const vector of vectors.decoder_acceptance.filter((each) => !longNames.includes(each.name))) {
    test(`${vector.accepted ? 'accepts' : 'refuses'} ${vector.name}`, () => {
      if (vector.accepted) expect(() => decode(vector.type, vector.msgpack_hex)).not.toThrow()
      else expect(() => decode(vector.type, vector.msgpack_hex)).toThrow(MsgpackError)
    })
  }
  test('reads every integer width as the same number', () => {
    for (const hex of [
      '05',
      'cc05',
      'cd0005',
      'ce00000005',
      'cf0000000000000005',
      'd005',
      'cb4014000000000000',
    ]) {
      expect(decode('int64', hex)).toBe(5n)
    }
  })
})

describe('the bounds of msgpack', () => {
  const refused: [string, string][] = [
    ['a list that claims more members than bytes are left', 'ddffffffff'],
    ['an unknown tag', 'c1'],
    ['a negative number where none may be', 'ff'],
    ['an integer beyond 63 bits for a signed field', 'cfffffffffffffffff'],
  ]
  for (const [what, hex] of refused) {
    test(`refuse ${what}`, () => {
      const type = what.startsWith('a list')
        ? '[]peer.ID'
        : what.startsWith('a negative')
          ? 'uint64'
          : 'int64'
      expect(() => decode(type, hex)).toThrow(MsgpackError)
    })
  }
  test('refuse nesting beyond the depth', () => {
    const nested = new Uint8Array(msgpackLimits.depth + 8).fill(0x91)
    expect(() => valueEnd(nested, 0)).toThrow(MsgpackError)
  })
  test('refuse a raw that announces more bytes than a value may have', () => {
    expect(() => valueEnd(fromHex('dbffffffff00'), 0)).toThrow(MsgpackError)
  })
  test('refuse integers that a JavaScript number cannot hold where one is used', () => {
    const reader = new MsgpackReader(fromHex('cf7fffffffffffffff'))
    expect(() => uint.read(reader)).toThrow('beyond 53 bits')
  })
})
