/**
 * Follows a path from a CID to what it names: through UnixFS folders, sharded ones too, and through the fields of
 * dag-cbor and dag-json nodes.
 */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { murmur3128 } from '@multiformats/murmur3'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { PathError, UnreadableNodeError } from './errors.ts'

export interface ResolvedPath {
  cid: CID
  /** Segments that lead on inside of the block, into a value that is no link. */
  inside: string[]
}

export interface PathRoot {
  namespace: 'ipfs' | 'ipld' | 'ipns'
  /** A CID, for `ipns` a key or a domain. */
  root: string
  segments: string[]
}

/** Bytes of a path, and its segments, at most. */
const maxPathLength = 32_768
const maxSegments = 1_000

/** Takes `/ipfs/…`, `/ipld/…` and `/ipns/…`; nothing in it is decoded. Throws `PathError`. */
export function parsePath(path: string): PathRoot {
  const [before, namespace, root, ...rest] = path.slice(0, maxPathLength + 1).split('/')
  const known = namespace === 'ipfs' || namespace === 'ipld' || namespace === 'ipns'
  if (before !== '' || !known || root === undefined || root === '' || path.length > maxPathLength) {
    throw new PathError(`${JSON.stringify(shorten(path))} is no path; write /ipfs/<cid>/… or /ipns/<name>/…`)
  }
  const segments = rest.filter((segment) => segment !== '')
  if (segments.length > maxSegments) throw new PathError(`the path has more than ${maxSegments} segments`)
  return { namespace, root, segments }
}

/** Throws `PathError`. */
export function parseCid(text: string): CID {
  try {
    return CID.parse(text)
  } catch (cause) {
    throw new PathError(`${JSON.stringify(shorten(text))} is no CID`, { cause })
  }
}

/**
 * `read` gets a block. Rejects with `PathError` when the path leads nowhere, with `UnreadableNodeError`, and with what
 * `read` rejects with.
 */
export async function resolvePath(
  root: CID,
  segments: readonly string[],
  read: (cid: CID) => Promise<Uint8Array>,
): Promise<ResolvedPath> {
  let cid = root
  for (let at = 0; at < segments.length; at++) {
    const bytes = await read(cid)
    if (cid.code === dagPb.code) {
      cid = await stepIntoFolder(cid, bytes, segments[at]!, read)
      continue
    }
    const { link, taken } = stepIntoValue(cid, bytes, segments.slice(at))
    if (link === undefined) return { cid, inside: segments.slice(at) }
    cid = link
    at += taken - 1
  }
  return { cid, inside: [] }
}

async function stepIntoFolder(
  cid: CID,
  bytes: Uint8Array,
  name: string,
  read: (cid: CID) => Promise<Uint8Array>,
): Promise<CID> {
  const { node, unixfs } = decodeFolder(cid, bytes)
  const found =
    unixfs?.type === 'hamt-sharded-directory'
      ? await findInShards(cid, node, unixfs, name, read)
      : node.Links.find((link) => link.Name === name)?.Hash
  if (found === undefined) throw new PathError(`no link named ${JSON.stringify(name)} under ${cid}`)
  return found
}

/** Down the buckets that the hash of the name leads to. */
async function findInShards(
  cid: CID,
  first: dagPb.PBNode,
  unixfs: UnixFS,
  name: string,
  read: (cid: CID) => Promise<Uint8Array>,
): Promise<CID | undefined> {
  const bits = new HashBits(name)
  const fanOut = Number(unixfs.fanout ?? 256n)
  const width = Math.log2(fanOut)
  if (!Number.isInteger(width) || width < 1 || width > 16) {
    throw new UnreadableNodeError(cid, `its fan-out of ${fanOut} is no power of two up to 65536`)
  }
  const digits = (fanOut - 1).toString(16).length
  let node = first
  for (;;) {
    const bucket = bits.take(width)
    if (bucket === undefined) return undefined
    const prefix = bucket.toString(16).toUpperCase().padStart(digits, '0')
    const link = node.Links.find(({ Name }) => Name === prefix || Name === prefix + name)
    if (link === undefined) return undefined
    if (link.Name !== prefix) return link.Hash
    node = decodeFolder(link.Hash, await read(link.Hash)).node
  }
}

function decodeFolder(cid: CID, bytes: Uint8Array): { node: dagPb.PBNode; unixfs: UnixFS | undefined } {
  let node: dagPb.PBNode
  try {
    node = dagPb.decode(bytes)
  } catch (cause) {
    throw new UnreadableNodeError(cid, `it is not sound (${(cause as Error).message})`, { cause })
  }
  try {
    return { node, unixfs: node.Data && UnixFS.unmarshal(node.Data) }
  } catch {
    // A dag-pb node that is not UnixFS still has named links.
    return { node, unixfs: undefined }
  }
}

/** The first link on the way, and the number of segments up to it; no link when the way ends inside of the value. */
function stepIntoValue(
  cid: CID,
  bytes: Uint8Array,
  segments: readonly string[],
): { link?: CID; taken: number } {
  let value = decodeValue(cid, bytes)
  for (const [at, segment] of segments.entries()) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) {
      throw new PathError(`there is no ${JSON.stringify(segment)} in ${cid}`)
    }
    value = (value as Record<string, unknown>)[segment]
    const link = CID.asCID(value)
    if (link !== null) return { link, taken: at + 1 }
  }
  return { taken: segments.length }
}

function decodeValue(cid: CID, bytes: Uint8Array): unknown {
  try {
    if (cid.code === dagCbor.code) return dagCbor.decode(bytes)
    if (cid.code === dagJson.code) return dagJson.decode(bytes)
  } catch (cause) {
    throw new UnreadableNodeError(cid, `it is not sound (${(cause as Error).message})`, { cause })
  }
  throw new PathError(`${cid} has nothing below it: a path cannot go on there`)
}

/** The bits of the 64-bit murmur3 hash of a name, from the highest on: the way through a sharded folder. */
class HashBits {
  readonly #hash: bigint
  #left = 64

  constructor(name: string) {
    const digest = murmur3128.encode(new TextEncoder().encode(name)) as Uint8Array
    this.#hash = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0)
  }

  /** Undefined when not that many are left. */
  take(count: number): number | undefined {
    if (this.#left < count) return undefined
    this.#left -= count
    return Number((this.#hash >> BigInt(this.#left)) & ((1n << BigInt(count)) - 1n))
  }
}

function shorten(text: string): string {
  return text.length > 120 ? `${text.slice(0, 117)}…` : text
}
