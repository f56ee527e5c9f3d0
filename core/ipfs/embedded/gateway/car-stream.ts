/** CAR v1 streams of what a path leads to, in the order of a walk depth first. */
import * as dagCbor from '@ipld/dag-cbor'
import type { CID } from 'multiformats/cid'
import { inlineBlock } from '../blocks/block-hash.ts'
import { IdSet } from '../blocks/id-set.ts'
import { HeldLinks, type LinkPosition } from '../dag/held-links.ts'
import { hasNoLinks } from '../dag/node-links.ts'
import { openUnixfs, type ReadBlock } from '../dag/unixfs-reader.ts'
import { Turns } from '../turns.ts'
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

/** Levels of a DAG below the root of a CAR, at most. */
const maxLevels = 100_000

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
  const held = new HeldLinks()
  const turns = new Turns()
  const way: LinkPosition[] = []
  const enter = async (cid: CID): Promise<CarBlock> => {
    const bytes = await source.read(cid)
    const id = source.idOf(cid)
    if (!hasNoLinks(cid.code) && (id === undefined || followed.add(id) || duplicates)) {
      if (way.length === maxLevels) throw new Error(`${root} has more than ${maxLevels} levels`)
      const position = { cid, taken: 0 }
      way.push(position)
      held.open(position, bytes)
    }
    return { cid, bytes }
  }
  yield await enter(root)
  for (let position = way.at(-1); position !== undefined; position = way.at(-1)) {
    const links = held.get(position) ?? held.open(position, await source.read(position.cid))
    const { value: link, done } = links.next()
    await turns.spend()
    if (done) held.close(way.pop()!)
    if (!link) continue
    position.taken++
    if (!hasNoLinks(link.code) || inlineBlock(link) === undefined) yield await enter(link)
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
  if (entry.type === 'folder') {
    yield* blocks
    for await (const step of entry.steps()) if (step.kind === 'shard') yield step
    return
  }
  const steps = entry.type === 'file' ? entry.content(rangeOf(bytes, entry.size)) : []
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
