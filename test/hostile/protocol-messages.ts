/** Good messages of every protocol that a peer serves, to be broken. */
import { CID } from 'multiformats/cid'
import { encodeBroadcasts } from '../../core/crdt/broadcast.ts'
import { rpcProtocol } from '../../core/network/remote-calls.ts'
import { encoded, joined } from '../../core/network/rpc/client.ts'
import { pagesProtocol, statusQueryWire } from '../../core/network/rpc/status-pages.ts'
import { nodeWithMetaWire, serviceIdWire } from '../../core/network/rpc/wire-types.ts'
import { encodeRequest, syncProtocol } from '../../core/network/sync/protocol.ts'
import { headsTopic, metricsTopic } from '../../core/network/topics.ts'
import { ProtobufWriter } from '../../core/pin/protobuf.ts'
import { testSettings } from '../support/network-peer.ts'
import live from '../vectors/live_daemon.json'

export function goodMessages(head: string): [protocol: string, messages: Uint8Array[]][] {
  const cid = CID.parse(head)
  return [
    [rpcProtocol, rpcMessages(cid)],
    [pagesProtocol, pagesMessages()],
    ...each(['/meshsub/1.2.0', '/meshsub/1.1.0', '/floodsub/1.0.0'], pubsubMessages(cid)),
    [syncProtocol, syncMessages(cid)],
    ['/ipfs/bitswap/1.2.0', bitswapMessages(cid)],
    ['/ipfs/lan/kad/1.0.0', dhtMessages(cid)],
    ['/ipfs/id/1.0.0', [new Uint8Array(0)]],
    ['/ipfs/id/push/1.0.0', [framed(identifyMessage())]],
    ['/ipfs/ping/1.0.0', [new Uint8Array(32).fill(1), new Uint8Array(4_096)]],
  ]
}

function rpcMessages(cid: CID): Uint8Array[] {
  const call = (Name: string, Method: string, ...values: Uint8Array[]) =>
    joined(encoded(serviceIdWire, { Name, Method }), ...values)
  const node = encoded(nodeWithMetaWire, { d: new Uint8Array(100), c: cid, s: 100n } as never)
  return [
    call('Cluster', 'Version', Uint8Array.of(0x80)),
    call('IPFSConnector', 'BlockStream', node, node, node),
    call('Nobody', 'Nothing', Uint8Array.of(0x80)),
  ]
}

function pagesMessages(): Uint8Array[] {
  const service = encoded(serviceIdWire, { Name: 'PinTracker', Method: 'StatusPage' })
  return [undefined, 'x', 'c'.repeat(1_000)].map((a) =>
    joined(service, encoded(statusQueryWire, { f: 16, a })),
  )
}

function syncMessages(cid: CID): Uint8Array[] {
  const nothing = new Uint8Array(0)
  const wants = cid.multihash.digest
  const all = framed(encodeRequest({ kind: 'want', wants: nothing, haves: nothing, more: false }))
  const some = framed(encodeRequest({ kind: 'want', wants, haves: new Uint8Array(64), more: true }))
  const select = framed(encodeRequest({ kind: 'select', bits: new Uint8Array(2) }))
  return [all, some, select, joined(all, select), joined(some, some, some)]
}

function pubsubMessages(cid: CID): Uint8Array[] {
  const messages = live.pubsub_messages.map(({ message_hex }) => fromHex(message_hex))
  const unsigned = (topic: string, data: Uint8Array) =>
    protobuf((writer) => {
      writer.bytes(1, fromHex(live.pubsub_messages[0]!.from_hex))
      writer.bytes(2, data)
      writer.bytes(3, new Uint8Array(8).fill(9))
      writer.bytes(4, new TextEncoder().encode(topic))
      writer.bytes(5, new Uint8Array(64))
    })
  const heads = headsTopic(testSettings.clusterName)
  messages.push(unsigned(metricsTopic, Uint8Array.of(0x80)), unsigned(heads, encodeBroadcasts([cid])[0]!))
  const frames = messages.map((message) => protobuf((writer) => writer.bytes(2, message)))
  const subscription = protobuf((writer) =>
    writer.message(1, () => {
      writer.bytes(2, new TextEncoder().encode(heads))
    }),
  )
  return [...frames, subscription, ...controlMessages(heads)].map(framed)
}

/** IHAVE, IWANT, GRAFT, PRUNE. */
function controlMessages(topic: string): Uint8Array[] {
  const id = new Uint8Array(24).fill(7)
  return [1, 2, 3, 4].map((kind) =>
    protobuf((writer) =>
      writer.message(3, () =>
        writer.message(kind, () => {
          writer.bytes(1, kind === 2 ? id : new TextEncoder().encode(topic))
          if (kind === 1) writer.bytes(2, id)
        }),
      ),
    ),
  )
}

function bitswapMessages(cid: CID): Uint8Array[] {
  const want = protobuf((writer) =>
    writer.message(1, () =>
      writer.message(1, () => {
        writer.bytes(1, cid.bytes)
        writer.bytes(6, new Uint8Array(0))
      }),
    ),
  )
  const block = protobuf((writer) =>
    writer.message(3, () => {
      writer.bytes(1, Uint8Array.of(1, 0x70, 0x12, 32))
      writer.bytes(2, fromHex(live.crdt_blocks_fetched_by_bitswap[0]!.block_hex))
    }),
  )
  const presence = protobuf((writer) => writer.message(4, () => writer.bytes(1, cid.bytes)))
  return [want, block, presence, joined(want, block, presence)].map(framed)
}

/** PUT_VALUE to PING, each about one key. */
function dhtMessages(cid: CID): Uint8Array[] {
  return [0, 1, 2, 3, 4, 5].map((kind) =>
    framed(
      joined(
        Uint8Array.of(0x08, kind),
        protobuf((writer) => {
          writer.bytes(2, cid.multihash.bytes)
          writer.message(3, () => writer.bytes(1, cid.multihash.bytes))
        }),
      ),
    ),
  )
}

function identifyMessage(): Uint8Array {
  return protobuf((writer) => {
    writer.bytes(2, fromHex('047f000001061234'))
    writer.bytes(3, new TextEncoder().encode('/ipfs/ping/1.0.0'))
    writer.bytes(5, new TextEncoder().encode('nothing/1.0.0'))
  })
}

function each(protocols: string[], messages: Uint8Array[]): [string, Uint8Array[]][] {
  return protocols.map((protocol) => [protocol, messages])
}

function framed(message: Uint8Array): Uint8Array {
  const length: number[] = []
  let rest = message.length
  for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
  return joined(Uint8Array.from([...length, rest]), message)
}

function protobuf(write: (writer: ProtobufWriter) => void): Uint8Array {
  const writer = new ProtobufWriter(256)
  write(writer)
  return writer.finish()
}

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}
