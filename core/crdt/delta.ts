/** Deltas: what one block changes in the pinset, and their protobuf (`spec/wire.md` §3.3). */
import { messageOf } from '../error-text.ts'
import { MAX_PIN_KEY_LENGTH } from '../pin/key.ts'
import { ProtobufReader, ProtobufWriter, WIRE_BYTES, WIRE_VARINT } from '../pin/protobuf.ts'
import { type BlockId, parseBlockId } from './block-id.ts'
import { DeltaDecodeError } from './errors.ts'
import { MAX_BLOCK_BYTES, MAX_DELTA_ENTRIES, MAX_PRIORITY } from './limits.ts'

export interface Delta {
  /** 1 + the greatest height among the heads that the block joins. */
  priority: bigint
  /** What is put. When a key comes twice, the last one is its value. */
  elements: DeltaElement[]
  tombstones: DeltaTombstone[]
}

export interface DeltaElement {
  /** Begins with `/`. */
  key: string
  value: Uint8Array
}

/** Kills the element that `blockId` added under `key`, and no other. */
export interface DeltaTombstone {
  key: string
  blockId: BlockId
}

export function encodeDelta(delta: Delta): Uint8Array<ArrayBuffer> {
  const writer = new ProtobufWriter(4096)
  for (const { key, value } of delta.elements) {
    writer.message(1, () => {
      writer.string(1, key)
      writer.bytes(3, value)
    })
  }
  for (const { key, blockId } of delta.tombstones) {
    writer.message(2, () => {
      writer.string(1, key)
      writer.string(2, `/${blockId}`)
    })
  }
  writer.uint64(3, delta.priority)
  return writer.finish()
}

/**
 * Reads a delta; values are views into `bytes`. Entries that can mean nothing to a pinset are left out, not refused,
 * since blocks of other peers build on this one: keys without a leading slash or longer than a pin's, tombstones of ids
 * that no block can have. Throws `DeltaDecodeError` for what Go refuses too, and beyond the bounds of `limits.ts`.
 */
export function decodeDelta(bytes: Uint8Array): Delta {
  if (bytes.length > MAX_BLOCK_BYTES) {
    throw new DeltaDecodeError(`delta of ${bytes.length} bytes: at most ${MAX_BLOCK_BYTES} are read`)
  }
  try {
    return readDelta(bytes)
  } catch (cause) {
    if (cause instanceof DeltaDecodeError) throw cause
    const why = messageOf(cause)
    throw new DeltaDecodeError(`delta cannot be read: ${why}`, { cause })
  }
}

function readDelta(bytes: Uint8Array): Delta {
  const delta: Delta = { priority: 0n, elements: [], tombstones: [] }
  let entries = 0
  const reader = new ProtobufReader(bytes)
  while (reader.next()) {
    if (reader.is(1, WIRE_BYTES) || reader.is(2, WIRE_BYTES)) {
      if (++entries > MAX_DELTA_ENTRIES) {
        throw new DeltaDecodeError(`delta of more than ${MAX_DELTA_ENTRIES} entries`)
      }
      if (reader.field === 1) readElement(delta, reader.bytes())
      else readTombstone(delta, reader.bytes())
    } else if (reader.is(3, WIRE_VARINT)) delta.priority = reader.uint64()
    else reader.skip()
  }
  if (delta.priority > MAX_PRIORITY) throw new DeltaDecodeError(`priority ${delta.priority} is out of range`)
  return delta
}

function readElement(delta: Delta, bytes: Uint8Array): void {
  const { key, value } = readEntry(bytes)
  if (isKey(key)) delta.elements.push({ key, value })
}

function readTombstone(delta: Delta, bytes: Uint8Array): void {
  const { key, id } = readEntry(bytes)
  const blockId = parseBlockId(id)
  if (isKey(key) && blockId !== undefined) delta.tombstones.push({ key, blockId })
}

function readEntry(bytes: Uint8Array): { key: string; id: string; value: Uint8Array } {
  let key = ''
  let id = ''
  let value = bytes.subarray(0, 0)
  const reader = new ProtobufReader(bytes)
  while (reader.next()) {
    if (reader.is(1, WIRE_BYTES)) key = reader.string()
    else if (reader.is(2, WIRE_BYTES)) id = reader.string()
    else if (reader.is(3, WIRE_BYTES)) value = reader.bytes()
    else reader.skip()
  }
  return { key, id, value }
}

function isKey(key: string): boolean {
  return key.startsWith('/') && key.length <= MAX_PIN_KEY_LENGTH
}
