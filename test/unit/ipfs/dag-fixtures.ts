/** Blocks and small DAGs that no other test has: every name gives its own bytes within one run. */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import type { MultihashHasher } from 'multiformats/hashes/interface'
import { sha256 } from 'multiformats/hashes/sha2'
import type { IpfsBlock } from '../../../core/runtime/ipfs.ts'

const run = crypto.randomUUID()

export function textBytes(name: string): Uint8Array {
  return new TextEncoder().encode(`${run} ${name}`)
}

/** `size` bytes that look random, from the first one on; at least 8, so that no two names give the same. */
export function filledBytes(name: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = Bun.hash.xxHash64(textBytes(name))
  const words = new DataView(bytes.buffer)
  for (let at = 0; at + 8 <= size; at += 8) {
    words.setBigUint64(at, state)
    state = BigInt.asUintN(64, state * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n)
  }
  return bytes
}

export async function rawBlock(bytes: Uint8Array, hasher: MultihashHasher = sha256): Promise<IpfsBlock> {
  return { cid: CID.createV1(raw.code, await hasher.digest(bytes)), bytes }
}

export async function cborBlock(value: unknown): Promise<IpfsBlock> {
  const bytes = dagCbor.encode(value)
  return { cid: CID.createV1(dagCbor.code, await sha256.digest(bytes)), bytes }
}

/** A UnixFS directory with these entries. */
export async function directoryBlock(
  entries: Record<string, IpfsBlock>,
  version: 0 | 1 = 1,
): Promise<IpfsBlock> {
  const links = Object.entries(entries).map(([Name, block]) => ({
    Name,
    Hash: block.cid,
    Tsize: block.bytes.length,
  }))
  const bytes = dagPb.encode(dagPb.createNode(new UnixFS({ type: 'directory' }).marshal(), links))
  return { cid: CID.create(version, dagPb.code, await sha256.digest(bytes)), bytes }
}

/** A directory of `count` raw files of `size` bytes: the root first, then the files. */
export async function fileTree(
  name: string,
  count: number,
  size = 100,
): Promise<{ root: IpfsBlock; leaves: IpfsBlock[] }> {
  const leaves = await Promise.all(
    Array.from({ length: count }, (_, i) => rawBlock(filledBytes(`${name} ${i}`, size))),
  )
  const entries = Object.fromEntries(leaves.map((leaf, i) => [`file-${String(i).padStart(6, '0')}`, leaf]))
  return { root: await directoryBlock(entries), leaves }
}

export async function* each<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}
