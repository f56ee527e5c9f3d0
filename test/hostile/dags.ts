/** DAGs that strangers may make to hold up the programs that walk through them. Each is a few MB of sound blocks. */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { identity } from 'multiformats/hashes/identity'
import { sha256 } from 'multiformats/hashes/sha2'
import type { IpfsBlock } from '../../core/runtime/ipfs.ts'

export interface HostileDag {
  root: CID
  blocks: IpfsBlock[]
}

/** What makes each DAG hostile, and how it is made. */
export const hostileDags: Readonly<Record<string, () => Promise<HostileDag>>> = {
  'shards that are linked to twice, 64 levels deep': () => doubling(shard, 64),
  'folders that are linked to twice, 64 levels deep': () => doubling(folder, 64),
  'files whose parts are linked to twice, 28 levels deep': () => doubling(filePart, 28),
  'dag-cbor lists that are linked to twice, 64 levels deep': () =>
    doubling((links) => cborBlock(links.map(({ cid }) => cid)), 64),
  'folders of one name, 10,000 levels deep': () => chain(10_000),
  'a folder whose entries lead back to names above it': namesThatReturn,
  'a node of 500,000 identity links': async () => single(await pbBlock(undefined, identityLinks(500_000))),
  '65,536 identity links below each of 40 nodes': wideBelowWide,
  'a list of 2,000,000 empty lists in dag-cbor': async () =>
    single(
      await blockOf(
        dagCbor.code,
        Buffer.concat([Uint8Array.of(0x9a, 0x00, 0x1e, 0x84, 0x80), new Uint8Array(2_000_000).fill(0x80)]),
      ),
    ),
  'lists in dag-cbor, 2,000,000 levels deep': async () =>
    single(await blockOf(dagCbor.code, new Uint8Array(2_000_000).fill(0x81).fill(0x80, 1_999_999))),
  'a list of 1,000,000 numbers in dag-json': async () =>
    single(await blockOf(dagJson.code, new TextEncoder().encode(`[${'1,'.repeat(999_999)}1]`))),
  'lists in dag-json, 1,000,000 levels deep': async () =>
    single(
      await blockOf(dagJson.code, new TextEncoder().encode('['.repeat(1_000_000) + ']'.repeat(1_000_000))),
    ),
  '60,000 links in dag-cbor': async () =>
    single(await cborBlock(Array.from({ length: 60_000 }, () => emptyRaw))),
  'a folder of 50,000 entries': wideFolder,
  'a file that says it has a million parts': async () =>
    single(await pbBlock(new UnixFS({ type: 'file', blockSizes: new Array(1_000_000).fill(1n) }), [])),
}

interface Link {
  name: string
  block: IpfsBlock
}

const emptyRaw = CID.createV1(0x55, identity.digest(new Uint8Array()))

/** `levels` nodes, each with two links to the next. */
async function doubling(
  nodeOf: (links: IpfsBlock[]) => Promise<IpfsBlock>,
  levels: number,
): Promise<HostileDag> {
  const blocks = [await nodeOf([])]
  for (let level = 1; level < levels; level++) {
    const below = blocks.at(-1)!
    blocks.push(await nodeOf([below, below]))
  }
  return { root: blocks.at(-1)!.cid, blocks }
}

function shard(below: IpfsBlock[]): Promise<IpfsBlock> {
  const unixfs = new UnixFS({ type: 'hamt-sharded-directory', fanout: 256n, data: Uint8Array.of(3) })
  return pbBlock(
    unixfs,
    below.map((block, index) => ({ name: `0${index}`, block })),
  )
}

function folder(below: IpfsBlock[]): Promise<IpfsBlock> {
  return pbBlock(
    new UnixFS({ type: 'directory' }),
    below.map((block, index) => ({ name: nameOf(index), block })),
  )
}

/** 28 levels, as the library writes sizes from 2^31 to 2^32 wrong. The last part has one byte; every level has twice the bytes of the one below. */
function filePart(below: IpfsBlock[]): Promise<IpfsBlock> {
  if (below.length === 0) return pbBlock(new UnixFS({ type: 'file', data: Uint8Array.of(1) }), [])
  const size = UnixFS.unmarshal(dagPb.decode(below[0]!.bytes).Data!).fileSize()!
  return pbBlock(
    new UnixFS({ type: 'file', blockSizes: [size, size] }),
    below.map((block) => ({ name: '', block })),
  )
}

async function chain(levels: number): Promise<HostileDag> {
  const blocks = [await folder([])]
  for (let level = 1; level < levels; level++) blocks.push(await folder([blocks.at(-1)!]))
  return { root: blocks.at(-1)!.cid, blocks }
}

/** Hashes allow no cycles; names do: each level has entries of the same names that lead to levels far below. */
async function namesThatReturn(): Promise<HostileDag> {
  const blocks = [await folder([])]
  for (let level = 1; level < 200; level++) {
    const links = [1, 2, 3, 5, 8, 13].flatMap((back) => blocks.at(-back) ?? [])
    blocks.push(await folder(links))
  }
  return { root: blocks.at(-1)!.cid, blocks }
}

async function wideBelowWide(): Promise<HostileDag> {
  const wide = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      pbBlock(undefined, [...identityLinks(65_535), inlineLink(index)]),
    ),
  )
  const root = await pbBlock(
    undefined,
    wide.map((block, index) => ({ name: nameOf(index), block })),
  )
  return { root: root.cid, blocks: [...wide, root] }
}

async function wideFolder(): Promise<HostileDag> {
  const links = Array.from({ length: 50_000 }, (_, index) => ({
    ...inlineLink(1),
    name: nameOf(index),
  }))
  return single(await pbBlock(new UnixFS({ type: 'directory' }), links))
}

function identityLinks(count: number): Link[] {
  return Array.from({ length: count }, () => ({
    name: '',
    block: { cid: emptyRaw, bytes: new Uint8Array() },
  }))
}

function inlineLink(value: number): Link {
  const bytes = Uint8Array.of(value)
  return { name: '', block: { cid: CID.createV1(0x55, identity.digest(bytes)), bytes } }
}

async function pbBlock(unixfs: UnixFS | undefined, links: Link[]): Promise<IpfsBlock> {
  const Links = links.map(({ name, block }) =>
    name === '' ? { Hash: block.cid } : { Name: name, Hash: block.cid, Tsize: 1 },
  )
  return blockOf(
    dagPb.code,
    dagPb.encode(unixfs === undefined ? { Links } : { Data: unixfs.marshal(), Links }),
  )
}

function cborBlock(value: unknown): Promise<IpfsBlock> {
  return blockOf(dagCbor.code, dagCbor.encode(value))
}

async function blockOf(codec: number, bytes: Uint8Array): Promise<IpfsBlock> {
  return { cid: CID.createV1(codec, await sha256.digest(bytes)), bytes }
}

/** Links are in the order of their names. */
function nameOf(index: number): string {
  return String(index).padStart(6, '0')
}

function single(block: IpfsBlock): HostileDag {
  return { root: block.cid, blocks: [block] }
}
