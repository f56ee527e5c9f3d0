/** CAR v1 streams of what a path leads to, in the order of a walk depth first. */
import * as dagCbor from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { inlineBlock } from '../blocks/block-hash.ts'
import { IdSet } from '../blocks/id-set.ts'
import { linksOf } from '../dag/node-links.ts'
import { openUnixfs, type ReadBlock } from '../dag/unixfs-reader.ts'
import type { CarParameters } from './car-parameters.ts'
import { GatewayError } from './errors.ts'

export interface CarSource {
  read: ReadBlock
  /** The number of a block that is here, for knowing it again. */
  idOf(cid: CID): number | undefined
}

export interface CarInit {
  root: CID
  /** Blocks on the way from the start of the path, in their order. */
  way: readonly CID[]
  parameters: CarParameters
  source: CarSource
}

export interface CarBlock {
  cid: CID
  bytes: Uint8Array
}

/** Links that wait to be followed, at most. */
const maxWaiting = 1_000_000

export async function* carStream(init: CarInit): AsyncGenerator<Uint8Array> {
  yield framed(dagCbor.encode({ version: 1, roots: [init.root] }))
  const sent = new IdSet()
  for await (const { cid, bytes } of blocksOf(init)) {
    if (inlineBlock(cid) !== undefined) continue
    const id = init.source.idOf(cid)
    if (id !== undefined && !sent.add(id) && !init.parameters.duplicates) continue
    yield framed(cid.bytes, bytes)
  }
}

async function* blocksOf({ root, way, parameters, source }: CarInit): AsyncGenerator<CarBlock> {
  // Read again: a long way through large folders is more than memory should hold.
  for (const cid of way) yield { cid, bytes: await source.read(cid) }
  if (parameters.scope === 'block') yield { cid: root, bytes: await source.read(root) }
  else if (parameters.scope === 'entity') yield* entityBlocks(root, parameters, source.read)
  else yield* allBlocks(root, parameters, source)
}

async function* allBlocks(
  root: CID,
  { duplicates }: CarParameters,
  source: CarSource,
): AsyncGenerator<CarBlock> {
  const followed = new IdSet()
  const waiting = [root]
  for (let cid = waiting.pop(); cid !== undefined; cid = waiting.pop()) {
    const bytes = await source.read(cid)
    yield { cid, bytes }
    const id = source.idOf(cid)
    if (id !== undefined && !followed.add(id) && !duplicates) continue
    for (const link of linksOf(cid, bytes).reverse()) waiting.push(link)
    if (waiting.length > maxWaiting) throw new Error(`${root} is too wide for one CAR`)
  }
}

/** A file, or the part of it that is asked for; a folder without what is in it; any other block. */
async function* entityBlocks(root: CID, { bytes }: CarParameters, read: ReadBlock): AsyncGenerator<CarBlock> {
  const blocks: CarBlock[] = []
  const recordingRead = async (cid: CID) => {
    const block = { cid, bytes: await read(cid) }
    blocks.push(block)
    return block.bytes
  }
  const entry = await openUnixfs(root, { read: recordingRead, readAhead: 0 })
  if (entry.type === 'other' && blocks.length === 0) await recordingRead(root)
  const steps =
    entry.type === 'file'
      ? entry.content(rangeOf(bytes, entry.size))
      : entry.type === 'folder'
        ? entry.entries()
        : []
  for await (const _ of steps) yield* blocks.splice(0)
  yield* blocks
}

function rangeOf(asked: CarParameters['bytes'], size: number): { start: number; end: number } {
  if (asked === undefined) return { start: 0, end: size }
  const position = (at: number) => (at < 0 ? Math.max(0, size + at) : at)
  const start = Math.min(size, position(asked.from))
  const end = asked.to === '*' ? size : Math.min(size, position(asked.to) + 1)
  if (end < start) throw new GatewayError(400, 'entity-bytes ends before it begins')
  return { start, end }
}

function framed(...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([varint(length), ...parts])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (; value >= 0x80; value = Math.floor(value / 128)) bytes.push((value % 128) + 0x80)
  return Uint8Array.from([...bytes, value])
}
