/**
 * Follows a path from a CID to what it names: through UnixFS folders, sharded ones too, and through the fields of
 * dag-cbor and dag-json nodes.
 */
import { murmur3128 } from '@multiformats/murmur3'
import type { CID } from 'multiformats/cid'
import { parseCid as parseAnyCid } from '../../../pin/cid-text.ts'
import { PathError, PathNotFoundError, UnreadableNodeError } from '../errors.ts'
import { Turns } from '../turns.ts'
import { type DagPbNode, dagPbCode, decodeDagPb, shardPrefix } from './unixfs-node.ts'
import { dagCborCode, dagJsonCode, type ValueEvent, valueEvents } from './value-events.ts'

export interface ResolvedPath {
  cid: CID
  /** The CIDs on the way, from the root to `cid`. */
  roots: CID[]
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
/** Of one value of a block, in units of `Turns`. */
const costOfValue = 0.1
/** Names that stand for names, one after the other, at most. */
const maxNames = 8

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

/** In any multibase. Throws `PathError`. */
export function parseCid(text: string): CID {
  try {
    return parseAnyCid(text)
  } catch (cause) {
    throw new PathError(`${JSON.stringify(shorten(text))} is no CID`, { cause })
  }
}

/**
 * `read` gets a block. Rejects with `PathNotFoundError`, with `UnreadableNodeError`, and with what
 * `read` rejects with.
 */
export async function resolvePath(
  root: CID,
  segments: readonly string[],
  read: (cid: CID) => Promise<Uint8Array>,
): Promise<ResolvedPath> {
  const roots = [root]
  for (let at = 0; at < segments.length; at++) {
    const cid = roots.at(-1)!
    const bytes = await read(cid)
    if (cid.code === dagPbCode) {
      roots.push(await stepIntoFolder(cid, bytes, segments[at]!, read))
      continue
    }
    const { link, taken } = await stepIntoValue(cid, bytes, segments.slice(at))
    if (link === undefined) return { cid, roots, inside: segments.slice(at) }
    roots.push(link)
    at += taken - 1
  }
  return { cid: roots.at(-1)!, roots, inside: [] }
}

/** Also resolves names first; `resolveName` gives the path that one stands for. */
export async function resolveAny(
  path: PathRoot,
  read: (cid: CID) => Promise<Uint8Array>,
  resolveName: (name: string) => Promise<string>,
): Promise<ResolvedPath> {
  let { namespace, root, segments } = path
  for (let names = 0; namespace === 'ipns'; names++) {
    if (names === maxNames) throw new PathNotFoundError(`${path.root} leads to more than ${maxNames} names`)
    const target = parsePath(await resolveName(root))
    ;({ namespace, root } = target)
    segments = [...target.segments, ...segments]
  }
  return resolvePath(parseCid(root), segments, read)
}

async function stepIntoFolder(
  cid: CID,
  bytes: Uint8Array,
  name: string,
  read: (cid: CID) => Promise<Uint8Array>,
): Promise<CID> {
  const node = decodeDagPb(cid, bytes)
  const found =
    node.unixfs?.type === 'hamt-sharded-directory'
      ? await findInShards(cid, node, name, read)
      : node.links.named(name)?.Hash
  if (found === undefined)
    throw new PathNotFoundError(`no link named ${JSON.stringify(shorten(name))} under ${cid}`)
  return found
}

/** Down the buckets that the hash of the name leads to. */
async function findInShards(
  cid: CID,
  first: DagPbNode,
  name: string,
  read: (cid: CID) => Promise<Uint8Array>,
): Promise<CID | undefined> {
  const { bits, digits } = shardPrefix(cid, first.unixfs!)
  const hash = new HashBits(name)
  let node = first
  for (;;) {
    const bucket = hash.take(bits)
    if (bucket === undefined) return undefined
    const prefix = bucket.toString(16).toUpperCase().padStart(digits, '0')
    const link = node.links.named(prefix, prefix + name)
    if (link === undefined) return undefined
    if (link.Name !== prefix) return link.Hash
    node = decodeDagPb(link.Hash, await read(link.Hash))
  }
}

/**
 * The first link on the way, and the number of segments up to it; no link when the way ends inside of the value. Members
 * that are not on the way are passed event by event.
 */
async function stepIntoValue(
  cid: CID,
  bytes: Uint8Array,
  segments: readonly string[],
): Promise<{ link?: CID; taken: number }> {
  if (cid.code !== dagCborCode && cid.code !== dagJsonCode) {
    throw new PathNotFoundError(`${cid} has nothing below it: a path cannot go on there`)
  }
  try {
    return await findInValue(cid, valueEvents(cid.code, bytes), segments)
  } catch (cause) {
    if (cause instanceof PathNotFoundError) throw cause
    throw new UnreadableNodeError(cid, `it is not sound (${(cause as Error).message})`, { cause })
  }
}

async function findInValue(cid: CID, events: Iterable<ValueEvent>, segments: readonly string[]) {
  const turns = new Turns()
  let taken = 0
  /** Maps and lists that are open below the one that has the next segment. */
  let depth = 0
  let index = -1
  let isMap = false
  let isOnTheWay = true
  for (const event of events) {
    await turns.spend(costOfValue)
    if (event.kind === 'end') {
      if (depth-- === 0) break
      continue
    }
    if (depth === 0 && event.kind === 'key') {
      isOnTheWay = event.key === segments[taken]
      if (isOnTheWay) taken++
      continue
    }
    if (event.kind === 'key') continue
    if (depth === 0 && !isMap && index >= 0) {
      isOnTheWay = String(index++) === segments[taken]
      if (isOnTheWay) taken++
    }
    if (!isOnTheWay) {
      if (event.kind === 'start') depth++
      continue
    }
    if (event.kind === 'link') return { link: event.cid, taken }
    if (taken === segments.length) return { taken }
    if (event.kind === 'scalar') break
    isMap = event.of === 'map'
    index = isMap ? -1 : 0
    isOnTheWay = false
  }
  throw new PathNotFoundError(`there is no ${JSON.stringify(shorten(segments[taken] ?? ''))} in ${cid}`)
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

/** For errors. */
export function shorten(text: string): string {
  return text.length > 120 ? `${text.slice(0, 117)}…` : text
}
