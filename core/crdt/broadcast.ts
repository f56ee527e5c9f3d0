/** Pubsub messages that announce heads (`spec/wire.md` §3.4). */
import { CID } from 'multiformats/cid'
import { messageOf } from '../error-text.ts'
import { ProtobufReader, ProtobufWriter, WIRE_BYTES } from '../pin/protobuf.ts'
import { BroadcastDecodeError } from './errors.ts'
import { MAX_BROADCAST_BYTES, MAX_BROADCAST_HEADS } from './limits.ts'

/** The message for one list of heads, or several when there are more than `MAX_BROADCAST_HEADS`; none for no heads. */
export function encodeBroadcasts(heads: readonly CID[]): Uint8Array<ArrayBuffer>[] {
  const messages: Uint8Array<ArrayBuffer>[] = []
  for (let start = 0; start < heads.length; start += MAX_BROADCAST_HEADS) {
    messages.push(encodeBroadcast(heads.slice(start, start + MAX_BROADCAST_HEADS)))
  }
  return messages
}

function encodeBroadcast(heads: readonly CID[]): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter(heads.length * 40)
  for (const head of heads) writer.message(1, () => writer.bytes(1, head.bytes))
  return writer.finish()
}

/**
 * The announced heads, each once; they may be CIDs of any kind. Throws `BroadcastDecodeError` for a message that Go drops
 * as a whole: one with unknown fields at the top, with bytes that are no CID, or that is no protobuf.
 */
export function decodeBroadcast(bytes: Uint8Array): CID[] {
  if (bytes.length > MAX_BROADCAST_BYTES) {
    throw new BroadcastDecodeError(
      `broadcast of ${bytes.length} bytes: at most ${MAX_BROADCAST_BYTES} are read`,
    )
  }
  try {
    return readHeads(bytes)
  } catch (cause) {
    const why = messageOf(cause)
    throw new BroadcastDecodeError(`broadcast cannot be read: ${why}`, { cause })
  }
}

function readHeads(bytes: Uint8Array): CID[] {
  const heads = new Map<string, CID>()
  const reader = new ProtobufReader(bytes)
  while (reader.next()) {
    if (!reader.is(1, WIRE_BYTES)) throw new BroadcastDecodeError(`unknown field ${reader.field}`)
    const cid = CID.decode(readHead(reader.bytes()))
    heads.set(cid.toString(), cid)
  }
  return [...heads.values()]
}

/** A copy of the CID bytes, so that a head does not keep its message in memory. */
function readHead(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  let cid = bytes.subarray(0, 0)
  const reader = new ProtobufReader(bytes)
  while (reader.next()) {
    if (reader.is(1, WIRE_BYTES)) cid = reader.bytes()
    else reader.skip()
  }
  return cid.slice()
}
