/** What a walk over the history needs of a block, read without its elements: what it builds on, and how high it stands. */
import { ProtobufReader, WIRE_BYTES, WIRE_VARINT } from '../../pin/protobuf.ts'
import { digestBytes } from './protocol.ts'

export interface BlockHeader {
  /** Digests of the parents; views into the block. */
  parents: Uint8Array[]
  /** As a number: only its order counts here. */
  priority: number
}

/** Of a block that was checked when it was merged. Throws `ProtobufError` for bytes that are none. */
export function readBlockHeader(block: Uint8Array): BlockHeader {
  const header: BlockHeader = { parents: [], priority: 0 }
  const reader = new ProtobufReader(block)
  while (reader.next()) {
    if (reader.is(2, WIRE_BYTES)) readLink(reader.bytes(), header.parents)
    else if (reader.is(1, WIRE_BYTES)) header.priority = readPriority(reader.bytes())
    else reader.skip()
  }
  return header
}

function readLink(link: Uint8Array, parents: Uint8Array[]): void {
  const reader = new ProtobufReader(link)
  while (reader.next()) {
    // The digest is the end of the CID.
    if (reader.is(1, WIRE_BYTES)) parents.push(reader.bytes().subarray(-digestBytes))
    else reader.skip()
  }
}

function readPriority(delta: Uint8Array): number {
  let priority = 0
  const reader = new ProtobufReader(delta)
  while (reader.next()) {
    if (reader.is(3, WIRE_VARINT)) priority = Number(reader.uint64())
    else reader.skip()
  }
  return priority
}
