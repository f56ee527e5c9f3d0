/**
 * Every decoder of network bytes takes or refuses whatever it is given, by the errors that it names and no others.
 * `CLUSTER_FUZZ_INPUTS` sets the number of inputs for each, `CLUSTER_FUZZ_SEED` the seed.
 */
import { describe, expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { decodeBroadcast, encodeBroadcasts } from '../../core/crdt/broadcast.ts'
import { decodeTrustedBlock } from '../../core/crdt/dag-node.ts'
import { parsePeerAddress } from '../../core/network/known-peers.ts'
import { decodeMetric } from '../../core/network/metric-message.ts'
import { encoded } from '../../core/network/rpc/client.ts'
import { identityFromWire, pinFromWire, pinInfoFromWire } from '../../core/network/rpc/conversion.ts'
import { MsgpackReader, valueEnd } from '../../core/network/rpc/msgpack.ts'
import type { Codec } from '../../core/network/rpc/schema.ts'
import * as pages from '../../core/network/rpc/status-pages.ts'
import * as wire from '../../core/network/rpc/wire-types.ts'
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest } from '../../core/network/sync/protocol.ts'
import { decodePin } from '../../core/pin/codec.ts'
import { SeededRandom } from '../sim/seeded-random.ts'
import { rowOf, sortedCids } from '../support/paged-peers.ts'
import crdt from '../vectors/crdt_pins.json'
import live from '../vectors/live_daemon.json'
import metrics from '../vectors/metrics.json'
import msgpack from '../vectors/msgpack.json'
import { broken } from './inputs.ts'

const inputs = Number(process.env.CLUSTER_FUZZ_INPUTS ?? 20_000)
const seed = Number(process.env.CLUSTER_FUZZ_SEED ?? 1)
const timeout = 30_000 + inputs

const head = CID.parse(crdt.steps[0]!.blocks[0]!.cid)
const peer = live.daemon_peer_id
const rpcValues = msgpack.values.map(({ msgpack_hex }) => fromHex(msgpack_hex))

const want = encodeRequest({
  kind: 'want',
  wants: new Uint8Array(64),
  haves: new Uint8Array(96),
  more: true,
})

interface Decoder {
  good: Uint8Array[]
  /** Names of the errors that it may throw. */
  errors: string[]
  decode(bytes: Uint8Array): unknown
}

const decoders: Record<string, Decoder> = {
  'announced heads': {
    good: [...encodeBroadcasts([head, head]), ...crdt.steps.map((step) => fromHex(step.broadcast_hex))],
    errors: ['BroadcastDecodeError'],
    decode: decodeBroadcast,
  },
  'blocks of the pinset': {
    good: crdt.steps.flatMap(({ blocks }) => blocks.map(({ block_hex }) => fromHex(block_hex))),
    errors: ['CrdtBlockError'],
    decode: (bytes) => decodeTrustedBlock(head, bytes),
  },
  'stored pins': {
    good: crdt.steps.flatMap((step) => (step.pin_protobuf_hex ? [fromHex(step.pin_protobuf_hex)] : [])),
    errors: ['PinDecodeError'],
    decode: (bytes) => decodePin(head, bytes),
  },
  metrics: {
    good: metrics.metrics.map(({ pubsub_data_hex }) => fromHex(pubsub_data_hex)),
    errors: ['MsgpackError'],
    decode: (bytes) => decodeMetric(bytes, metrics.metrics[0]!.metric.peer, 0n),
  },
  'pins of calls': rpc(wire.pinWire, pinFromWire),
  'statuses of calls': rpc(wire.pinInfoWire, pinInfoFromWire),
  'identities of calls': rpc(wire.idWire, identityFromWire),
  'headers of calls': rpc(wire.serviceIdWire, (value) => value),
  'headers of answers': rpc(wire.responseWire, (value) => value),
  'blocks of calls': rpc(wire.nodeWithMetaWire, (value) => value),
  'queries of pages': rpc(pages.statusQueryWire, (value) => value),
  'pages of statuses': {
    ...rpc(pages.statusPageWire, (page) => {
      for (const row of pages.statusPageFromWire(page, undefined).rows) row.pin()
    }),
    good: [0, 1, 5].map((count) => {
      const rows = sortedCids(count).map((cid) => rowOf(cid, peer, 'pin_error'))
      return encoded(pages.statusPageWire, pages.statusPageToWire(rows, 'position'))
    }),
  },
  'requests of sync': {
    good: [want, encodeRequest({ kind: 'select', bits: new Uint8Array(100) })],
    errors: ['ProtobufError'],
    decode: decodeRequest,
  },
  'answers of sync': {
    good: [
      encodeAnswer({ kind: 'listed', digests: new Uint8Array(320), last: true }),
      encodeAnswer({ kind: 'blocks', blocks: [new Uint8Array(10), new Uint8Array(300)] }),
      encodeAnswer({ kind: 'refused', reason: 'nothing here' }),
      encodeAnswer({ kind: 'end' }),
    ],
    errors: ['ProtobufError'],
    decode: decodeAnswer,
  },
  'addresses of peers': {
    good: [`/ip4/192.0.2.1/tcp/9096/p2p/${peer}`, `/dnsaddr/example.org/p2p/${peer}`].map((text) =>
      new TextEncoder().encode(text),
    ),
    errors: ['PeerAddressError'],
    decode: (bytes) => parsePeerAddress(new TextDecoder().decode(bytes), 'test'),
  },
}

describe(`broken input (seed ${seed})`, () => {
  for (const [name, { good, errors, decode }] of Object.entries(decoders)) {
    test(
      `for ${name} is decoded or refused by name`,
      () => {
        const random = new SeededRandom(seed, 1)
        let refused = 0
        for (let count = 0; count < inputs; count++) {
          const bytes = broken(random.pick(good), random)
          try {
            decode(bytes)
          } catch (error) {
            refused++
            if (!(error instanceof Error) || !errors.includes(error.name)) {
              throw new Error(`${name}: ${Buffer.from(bytes).toString('hex')}`, { cause: error })
            }
          }
        }
        // Some of the changes leave good input as it is, most do not.
        expect(refused).toBeGreaterThan(inputs / 4)
        expect(refused).toBeLessThan(inputs)
      },
      timeout,
    )
  }
})

/** A value as the RPC reads one: its end is found first. */
function rpc<T>(codec: Codec<T>, convert: (value: T) => unknown): Decoder {
  return {
    good: rpcValues,
    errors: ['MsgpackError'],
    decode(bytes) {
      const end = valueEnd(bytes, 0)
      if (end === undefined) throw Object.assign(new Error('cut off'), { name: 'MsgpackError' })
      const reader = new MsgpackReader(bytes.subarray(0, end))
      if (!reader.takeNil()) convert(codec.read(reader))
    },
  }
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}
