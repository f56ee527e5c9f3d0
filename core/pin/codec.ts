/**
 * The stored bytes of a pin: a protobuf, written in the one form that Go writes, since equal priorities in the pinset are
 * decided by comparing these bytes (`spec/wire.md` §4.2).
 */
import { multiaddr } from '@multiformats/multiaddr'
import { CID } from 'multiformats/cid'
import { messageOf } from '../error-text.ts'
import { PinDecodeError } from './errors.ts'
import { MAX_CID_BYTES, MAX_PIN_BYTES } from './limits.ts'
import { setMetadata } from './metadata.ts'
import { originBytes } from './origin.ts'
import { formatPeerId, type PeerIdCache, peerIdBytes } from './peer-id.ts'
import type { PeerIdText, Pin, PinType, UnixNano } from './pin.ts'
import { ProtobufReader, ProtobufWriter, WIRE_BYTES, WIRE_VARINT } from './protobuf.ts'
import { byUtf8 } from './utf8-order.ts'

/** Numbers of the enum in the order of their values. */
const storedTypes: readonly PinType[] = ['bad', 'data', 'meta', 'cluster-dag', 'shard']

const NANOS = 1_000_000_000n

/**
 * The stored form. Times lose what is below a second, user allocations and the mode are not stored. Throws
 * `InvalidPeerIdError` or `InvalidMultiaddrError` when a text of the pin is none.
 */
export function encodePin(pin: Pin): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter()
  writer.bytes(1, pin.cid.bytes)
  writer.uint32(2, storedTypes.indexOf(pin.type))
  for (const peer of pin.allocations) writer.entry(3, peerIdBytes(peer))
  writer.sint32(4, pin.maxDepth)
  if (pin.reference !== undefined) writer.bytes(5, pin.reference.bytes)
  writer.message(6, () => encodeOptions(writer, pin))
  writer.uint64(7, wholeSeconds(pin.timestamp))
  return writer.finish()
}

function encodeOptions(writer: ProtobufWriter, pin: Pin): void {
  writer.sint32(1, pin.replicationFactorMin)
  writer.sint32(2, pin.replicationFactorMax)
  writer.string(3, pin.name)
  writer.uint64(4, pin.shardSize)
  if (pin.pinUpdate !== undefined) writer.bytes(7, pin.pinUpdate.bytes)
  writer.uint64(8, wholeSeconds(pin.expireAt))
  for (const origin of pin.origins) writer.entry(9, originBytes(origin))
  for (const [key, value] of Object.entries(pin.metadata).sort(([a], [b]) => byUtf8(a, b))) {
    writer.message(10, () => {
      writer.string(1, key)
      writer.string(2, value)
    })
  }
}

/** Seconds since the epoch, rounded down; 0 when unset. */
function wholeSeconds(time: UnixNano | undefined): bigint {
  if (time === undefined) return 0n
  const seconds = time / NANOS
  return time < 0n && seconds * NANOS !== time ? seconds - 1n : seconds
}

/**
 * Reads a stored pin. `cid` comes from the key and replaces the one in the value. Unknown fields are skipped, the old
 * form of metadata is read, an origin that cannot be expressed as text is left out: it is a hint. Throws `PinDecodeError`.
 */
export function decodePin(cid: CID, bytes: Uint8Array, peerIds?: PeerIdCache): Pin {
  if (bytes.length > MAX_PIN_BYTES) {
    throw new PinDecodeError(`stored pin of ${bytes.length} bytes: at most ${MAX_PIN_BYTES} are read`)
  }
  try {
    return readPin(cid, bytes, peerIds)
  } catch (cause) {
    const why = messageOf(cause)
    throw new PinDecodeError(`the stored pin of ${cid} cannot be read: ${why}`, { cause })
  }
}

function readPin(cid: CID, bytes: Uint8Array, peerIds: PeerIdCache | undefined): Pin {
  const pin = emptyPin(cid)
  const formatPeer = (id: Uint8Array): PeerIdText => peerIds?.format(id) ?? formatPeerId(id)
  const reader = new ProtobufReader(bytes)
  while (reader.next()) {
    if (reader.is(2, WIRE_VARINT)) pin.type = storedTypes[reader.int32()] ?? 'bad'
    else if (reader.is(3, WIRE_BYTES)) pin.allocations.push(formatPeer(reader.bytes()))
    else if (reader.is(4, WIRE_VARINT)) pin.maxDepth = reader.sint32()
    else if (reader.is(5, WIRE_BYTES)) setCid(pin, 'reference', reader.bytes())
    else if (reader.is(6, WIRE_BYTES)) readOptions(pin, reader.bytes())
    else if (reader.is(7, WIRE_VARINT)) setTime(pin, 'timestamp', reader.uint64())
    else reader.skip()
  }
  pin.mode = pin.maxDepth === 0 ? 'direct' : 'recursive'
  return pin
}

function readOptions(pin: Pin, bytes: Uint8Array): void {
  const reader = new ProtobufReader(bytes)
  while (reader.next()) {
    if (reader.is(1, WIRE_VARINT)) pin.replicationFactorMin = reader.sint32()
    else if (reader.is(2, WIRE_VARINT)) pin.replicationFactorMax = reader.sint32()
    else if (reader.is(3, WIRE_BYTES)) pin.name = reader.string()
    else if (reader.is(4, WIRE_VARINT)) pin.shardSize = reader.uint64()
    else if (reader.is(6, WIRE_BYTES) || reader.is(10, WIRE_BYTES)) readMetadata(pin, reader.bytes())
    else if (reader.is(7, WIRE_BYTES)) setCid(pin, 'pinUpdate', reader.bytes())
    else if (reader.is(8, WIRE_VARINT)) setTime(pin, 'expireAt', reader.uint64())
    else if (reader.is(9, WIRE_BYTES)) readOrigin(pin, reader.bytes())
    else reader.skip()
  }
}

/** An entry of the sorted list, or of the older map: both have the key in field 1 and the value in field 2. */
function readMetadata(pin: Pin, bytes: Uint8Array): void {
  let key = ''
  let value = ''
  const reader = new ProtobufReader(bytes)
  while (reader.next()) {
    if (reader.is(1, WIRE_BYTES)) key = reader.string()
    else if (reader.is(2, WIRE_BYTES)) value = reader.string()
    else reader.skip()
  }
  setMetadata(pin.metadata, key, value)
}

/** As in the original, bytes that are no CID count as absent. */
function setCid(pin: Pin, field: 'reference' | 'pinUpdate', bytes: Uint8Array): void {
  if (pin[field] !== undefined) delete pin[field]
  if (bytes.length === 0 || bytes.length > MAX_CID_BYTES) return
  try {
    // A copy, since a CID keeps the memory that it is read from.
    pin[field] = CID.decode(bytes.slice())
  } catch {
    return
  }
}

function setTime(pin: Pin, field: 'timestamp' | 'expireAt', seconds: bigint): void {
  if (pin[field] !== undefined) delete pin[field]
  if (seconds !== 0n) pin[field] = BigInt.asIntN(64, seconds) * NANOS
}

function readOrigin(pin: Pin, bytes: Uint8Array): void {
  try {
    pin.origins.push(multiaddr(bytes.slice()).toString())
  } catch {
    return
  }
}

function emptyPin(cid: CID): Pin {
  return {
    cid,
    type: 'bad',
    allocations: [],
    maxDepth: 0,
    replicationFactorMin: 0,
    replicationFactorMax: 0,
    name: '',
    mode: 'recursive',
    shardSize: 0n,
    userAllocations: [],
    metadata: {},
    origins: [],
  }
}
