/** What other peers of the cluster send, as far as code of this project decodes it. */
import { CID } from 'multiformats/cid'
import { decodeBroadcast, encodeBroadcasts } from '../../../core/crdt/broadcast.ts'
import { decodeTrustedBlock } from '../../../core/crdt/dag-node.ts'
import { decodeDelta } from '../../../core/crdt/delta.ts'
import { parsePeerAddress } from '../../../core/network/known-peers.ts'
import { decodeMetric } from '../../../core/network/metric-message.ts'
import { encoded } from '../../../core/network/rpc/client.ts'
import { identityFromWire, pinFromWire, pinInfoFromWire } from '../../../core/network/rpc/conversion.ts'
import { rpc } from '../../../core/network/rpc/methods.ts'
import { MsgpackReader, valueEnd } from '../../../core/network/rpc/msgpack.ts'
import type { Codec } from '../../../core/network/rpc/schema.ts'
import * as pages from '../../../core/network/rpc/status-pages.ts'
import { ended, ValueReader } from '../../../core/network/rpc/value-reader.ts'
import * as wire from '../../../core/network/rpc/wire-types.ts'
import { readBlockHeader } from '../../../core/network/sync/block-header.ts'
import { FrameStream } from '../../../core/network/sync/frames.ts'
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
} from '../../../core/network/sync/protocol.ts'
import { decodePin } from '../../../core/pin/codec.ts'
import { rowOf, sortedCids } from '../../support/paged-peers.ts'
import crdt from '../../vectors/crdt_pins.json'
import gorpc from '../../vectors/gorpc.json'
import live from '../../vectors/live_daemon.json'
import metrics from '../../vectors/metrics.json'
import msgpack from '../../vectors/msgpack.json'
import { type Decoder, fromHex, inPieces, textBytes, textOf } from './decoder.ts'

const blocks = crdt.steps.flatMap(
  (step): { cid: string; block_hex: string; delta_hex: string }[] => step.blocks,
)
const head = CID.parse(blocks[0]!.cid)
const peer = live.daemon_peer_id
const rpcValues = msgpack.values.map(({ msgpack_hex }) => fromHex(msgpack_hex))
const calls = gorpc.calls.flatMap(({ streams }): { request_hex: string; response_hex: string }[] => streams)

const want = encodeRequest({
  kind: 'want',
  wants: new Uint8Array(64),
  haves: new Uint8Array(96),
  more: true,
})
const select = encodeRequest({ kind: 'select', bits: new Uint8Array(100) })

export const peerMessages: Record<string, Decoder> = {
  'announced heads': {
    good: [...encodeBroadcasts([head, head]), ...crdt.steps.map((step) => fromHex(step.broadcast_hex))],
    errors: ['BroadcastDecodeError'],
    decode: decodeBroadcast,
  },
  'blocks of the pinset': {
    good: blocks.map(({ block_hex }) => fromHex(block_hex)),
    errors: ['CrdtBlockError'],
    decode: (bytes) => decodeTrustedBlock(head, bytes),
  },
  deltas: {
    good: blocks.map(({ delta_hex }) => fromHex(delta_hex)),
    errors: ['DeltaDecodeError'],
    decode: decodeDelta,
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
  ...argumentsAndReplies(),
  'headers of calls': value(wire.serviceIdWire),
  'headers of answers': value(wire.responseWire),
  'pins of calls': value(wire.pinWire, pinFromWire),
  'statuses of calls': value(wire.pinInfoWire, pinInfoFromWire),
  'identities of calls': value(wire.idWire, identityFromWire),
  'pages of statuses': {
    ...value(pages.statusPageWire, (page) => {
      for (const row of pages.statusPageFromWire(page, undefined).rows) row.pin()
    }),
    good: [0, 1, 5].map((count) => {
      const rows = sortedCids(count).map((cid) => rowOf(cid, peer, 'pin_error'))
      return encoded(pages.statusPageWire, pages.statusPageToWire(rows, 'position'))
    }),
  },
  'streams of calls': {
    good: calls.map(({ request_hex }) => fromHex(request_hex)),
    errors: ['MsgpackError', 'RpcStreamError'],
    async decode(bytes) {
      const reader = new ValueReader(inPieces(bytes))
      await reader.next(wire.serviceIdWire)
      while ((await reader.nextOrEnd(wire.pinWire)) !== ended);
    },
  },
  'streams of answers': {
    good: calls.map(({ response_hex }) => fromHex(response_hex)),
    errors: ['MsgpackError', 'RpcStreamError'],
    async decode(bytes) {
      const reader = new ValueReader(inPieces(bytes))
      while ((await reader.nextOrEnd(wire.responseWire)) !== ended) await reader.nextOrEnd(wire.idWire)
    },
  },
  'requests of sync': {
    good: [want, select],
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
  'frames of sync': {
    good: [Buffer.concat([Uint8Array.of(want.length), want, Uint8Array.of(select.length), select])],
    errors: ['SyncError'],
    async decode(bytes) {
      const stream = { source: inPieces(bytes), async write() {}, async closeWrite() {}, abort() {} }
      const frames = new FrameStream(stream, unhurried)
      while ((await frames.read(60_000)) !== undefined);
    },
  },
  'headers of blocks of sync': {
    good: blocks.map(({ block_hex }) => fromHex(block_hex)),
    errors: ['ProtobufError'],
    decode: readBlockHeader,
  },
  'addresses of peers': {
    good: textBytes(`/ip4/192.0.2.1/tcp/9096/p2p/${peer}`, `/dnsaddr/example.org/p2p/${peer}`),
    errors: ['PeerAddressError'],
    decode: (bytes) => parsePeerAddress(textOf(bytes), 'test'),
  },
}

/** Nothing here stands still. */
const unhurried = { after: () => ({ cancel() {} }) }

/** One for each form of argument or reply that a method has. */
function argumentsAndReplies(): Record<string, Decoder> {
  const codecs = new Map<Codec<unknown>, string>()
  for (const { name, argument, reply } of Object.values(rpc)) {
    if (!codecs.has(argument)) codecs.set(argument as Codec<unknown>, `the argument of ${name}`)
    if (!codecs.has(reply)) codecs.set(reply as Codec<unknown>, `the reply of ${name}`)
  }
  return Object.fromEntries([...codecs].map(([codec, name]) => [name, value(codec)]))
}

/** A value as a call has it: its end is found first. */
function value<T>(codec: Codec<T>, convert: (value: T) => unknown = (read) => read): Decoder {
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
