/**
 * `/ipfscluster/sync/1.0.0`: how a peer of ours catches up with another one in one stream, where bitswap takes a round trip
 * for every generation of blocks. Peers of the original do not speak it; to them the same blocks go by bitswap.
 *
 * One stream is one session. It is a sequence of frames, each a varint with its length and then a protobuf message; unknown
 * fields are passed over. The peer that opens the stream lacks blocks below heads that the other peer has announced, or has
 * only just met it:
 *
 *   opener    Want     the heads that it lacks, or none for all heads of the other peer, and blocks that it has: its own
 *                      heads and some of their ancestors
 *   other     Deeper   none of those that it has is known here: name older ones …
 *   opener    Want     … older ones, ever more thinly; as often as needed and possible
 *   other     Listed   the names of what is missing, newest first, as they are found; the last one is marked
 *   opener    Select   which of them it wants: a bit for each, or nothing for all
 *   other     Blocks   those blocks, oldest first
 *   other     End
 *
 * When no more than `directBlocks` are missing, the other peer leaves out Listed and Select and sends them at once, so that
 * the usual announcement costs one round trip. Instead of any answer it may send Refused, with the reason.
 *
 * What is missing is all that the wanted heads build on, without what the named blocks build on: both are followed
 * downwards, the highest first, until nothing is left that only the wanted heads lead to (`missing.ts`). Every block is
 * checked against its name, and the store merges it only when its parents are merged, so that a session that breaks off
 * leaves whole history behind: the next one goes on from there. The opener trusts the other peer's announcements; it gains
 * nothing from blocks that it could not have announced as well.
 */
import { ProtobufError } from '../../pin/errors.ts'
import { ProtobufReader, ProtobufWriter, WIRE_BYTES, WIRE_VARINT } from '../../pin/protobuf.ts'

export const syncProtocol = '/ipfscluster/sync/1.0.0'

/** Bytes of a name: the SHA2-256 digest of a block of the pinset. */
export const digestBytes = 32

/** Names in one Want, of either kind. */
export const maxNamed = 4_096
/** Names in one frame of Listed. */
export const maxListedAtOnce = 1_024
/** Names of one session. Of a longer history the oldest are sent, and the next session sends more. */
export const maxListed = 1_000_000
/** Missing blocks, and bytes of them, that are sent without asking which. */
export const directBlocks = 64
export const directBytes = 256 * 1024
/** Bytes of blocks that a frame is filled up to; one larger block has a frame of its own. */
export const framePayload = 128 * 1024
/** Bytes of a frame: the largest block, 4 MiB, and some. */
export const maxFrameBytes = 4_160 * 1024

/** What the opener of a stream sends. Names are digests, one behind the other. */
export type Request =
  | { kind: 'want'; wants: Uint8Array; haves: Uint8Array; more: boolean }
  | { kind: 'select'; bits: Uint8Array }

export type Answer =
  | { kind: 'deeper' }
  | { kind: 'listed'; digests: Uint8Array; last: boolean }
  | { kind: 'blocks'; blocks: Uint8Array[] }
  | { kind: 'end' }
  | { kind: 'refused'; reason: string }

const requestKinds = { want: 1, select: 2 } as const
const answerKinds = { deeper: 1, listed: 2, blocks: 3, end: 4, refused: 5 } as const

/** Field numbers: 1 kind, 2 names or bits, 3 names of what is there, 4 flag, 5 blocks, 6 reason. */
export function encodeRequest(request: Request): Uint8Array {
  const writer = new ProtobufWriter(256)
  writer.uint32(1, requestKinds[request.kind])
  if (request.kind === 'want') {
    writer.bytes(2, request.wants)
    writer.bytes(3, request.haves)
    writer.uint32(4, request.more ? 1 : 0)
  } else writer.bytes(2, request.bits)
  return writer.finish()
}

export function encodeAnswer(answer: Answer): Uint8Array {
  const writer = new ProtobufWriter(256)
  writer.uint32(1, answerKinds[answer.kind])
  if (answer.kind === 'listed') {
    writer.bytes(2, answer.digests)
    writer.uint32(4, answer.last ? 1 : 0)
  } else if (answer.kind === 'blocks') {
    for (const block of answer.blocks) writer.entry(5, block)
  } else if (answer.kind === 'refused') writer.string(6, answer.reason)
  return writer.finish()
}

/** Throws `ProtobufError`. */
export function decodeRequest(bytes: Uint8Array): Request {
  const { kind, first, second, flag } = readFields(bytes)
  if (kind === requestKinds.want) {
    requireNames(first)
    requireNames(second)
    return { kind: 'want', wants: first, haves: second, more: flag }
  }
  if (kind === requestKinds.select) return { kind: 'select', bits: first }
  throw new ProtobufError(`a request of the unknown kind ${kind}`)
}

/** Throws `ProtobufError`. */
export function decodeAnswer(bytes: Uint8Array): Answer {
  const { kind, first, flag, blocks, reason } = readFields(bytes)
  switch (kind) {
    case answerKinds.deeper:
      return { kind: 'deeper' }
    case answerKinds.listed:
      requireNames(first)
      return { kind: 'listed', digests: first, last: flag }
    case answerKinds.blocks:
      return { kind: 'blocks', blocks }
    case answerKinds.end:
      return { kind: 'end' }
    case answerKinds.refused:
      return { kind: 'refused', reason }
    default:
      throw new ProtobufError(`an answer of the unknown kind ${kind}`)
  }
}

interface Fields {
  kind: number
  first: Uint8Array
  second: Uint8Array
  flag: boolean
  blocks: Uint8Array[]
  reason: string
}

const nothing = new Uint8Array(0)

function readFields(bytes: Uint8Array): Fields {
  const fields: Fields = { kind: 0, first: nothing, second: nothing, flag: false, blocks: [], reason: '' }
  const reader = new ProtobufReader(bytes)
  while (reader.next()) {
    if (reader.is(1, WIRE_VARINT)) fields.kind = reader.int32()
    else if (reader.is(2, WIRE_BYTES)) fields.first = reader.bytes()
    else if (reader.is(3, WIRE_BYTES)) fields.second = reader.bytes()
    else if (reader.is(4, WIRE_VARINT)) fields.flag = reader.int32() !== 0
    else if (reader.is(5, WIRE_BYTES)) fields.blocks.push(reader.bytes())
    else if (reader.is(6, WIRE_BYTES)) fields.reason = reader.string()
    else reader.skip()
  }
  return fields
}

function requireNames(bytes: Uint8Array): void {
  if (bytes.length % digestBytes !== 0) throw new ProtobufError('names that are cut off')
  if (bytes.length > maxNamed * digestBytes) throw new ProtobufError(`more than ${maxNamed} names`)
}
