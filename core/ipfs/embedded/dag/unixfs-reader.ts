/**
 * Reads files and folders of UnixFS as streams: nothing is read long before it is taken, so that a slow reader holds no
 * more than a few blocks in memory.
 */
import type { CID } from 'multiformats/cid'
import { UnreadableNodeError } from '../errors.ts'
import { Turns } from '../turns.ts'
import { maxLinks } from './dag-pb-node.ts'
import { type DagPbNode, dagPbCode, decodeDagPb, rawCode, shardPrefix } from './unixfs-node.ts'

export type ReadBlock = (cid: CID) => Promise<Uint8Array>

export interface FolderEntry {
  name: string
  cid: CID
  /** As the folder says; of the whole DAG below. */
  size: number
}

export type UnixfsEntry =
  | { type: 'file'; size: number; content(range?: ByteRange): AsyncGenerator<Uint8Array> }
  | {
      type: 'folder'
      entries(): AsyncGenerator<FolderEntry>
      /** The entries, and the shards that they are in but for the first block. */
      steps(): AsyncGenerator<FolderStep>
    }
  | { type: 'symlink'; target: string }
  /** Not UnixFS. */
  | { type: 'other' }

/** `end` is the byte after the last. */
export interface ByteRange {
  start: number
  end: number
}

export interface ReaderOptions {
  read: ReadBlock
  /** Blocks of a file that are asked for before they are needed; 0 keeps the order of reads that of the file. */
  readAhead?: number
}

/** Levels of a file or folder, at most; real ones have four or five. */
const maxDepth = 64
/** Links of the nodes from the root down to the one that is read, at most: two full nodes. */
const maxLinksOnTheWay = 2 * maxLinks
/** Shards of one folder, at most: some 250 million entries. */
const maxShards = 1_000_000
const defaultReadAhead = 8

/** Reads the block of `cid`. Rejects with `UnreadableNodeError` and with what `read` rejects with. */
export async function openUnixfs(cid: CID, options: ReaderOptions): Promise<UnixfsEntry> {
  if (cid.code !== rawCode && cid.code !== dagPbCode) return { type: 'other' }
  const bytes = await options.read(cid)
  if (cid.code === rawCode) return fileOf(cid, bytes, bytes.length, options)
  const node = decodeDagPb(cid, bytes)
  switch (node.unixfs?.type) {
    case 'file':
    case 'raw':
      return fileOf(cid, bytes, sizeOf(cid, node), options)
    case 'directory':
    case 'hamt-sharded-directory':
      return {
        type: 'folder',
        entries: () => entriesOf(cid, node, options.read),
        steps: () => folderSteps(cid, node, options.read),
      }
    case 'symlink':
      return { type: 'symlink', target: new TextDecoder().decode(node.unixfs.data) }
    default:
      return { type: 'other' }
  }
}

function fileOf(cid: CID, bytes: Uint8Array, size: number, options: ReaderOptions): UnixfsEntry {
  const content = (range: ByteRange = { start: 0, end: size }) =>
    readFile({ cid, bytes, depth: 0, linksOnTheWay: 0 }, range, options)
  return { type: 'file', size, content }
}

/** Bytes of the file part under a node. */
function sizeOf(cid: CID, { links, unixfs }: DagPbNode): number {
  if (unixfs === undefined || unixfs.blockSizes.length !== links.length) {
    throw new UnreadableNodeError(
      cid,
      'it is a part of a file, and its links and their sizes are not the same number',
    )
  }
  const size = Number(unixfs.fileSize() ?? 0n)
  if (!Number.isSafeInteger(size)) throw new UnreadableNodeError(cid, 'its file size makes no sense')
  return size
}

interface FileNode {
  cid: CID
  bytes: Uint8Array
  depth: number
  linksOnTheWay: number
}

/** The bytes in `range` of the part under one node; `range` counts from the first byte of that part. */
async function* readFile(
  { cid, bytes, depth, linksOnTheWay }: FileNode,
  range: ByteRange,
  options: ReaderOptions,
): AsyncGenerator<Uint8Array> {
  if (depth > maxDepth) throw new UnreadableNodeError(cid, `the file has more than ${maxDepth} levels`)
  if (cid.code === rawCode) {
    yield* cut(bytes, 0, range)
    return
  }
  const node = decodeDagPb(cid, bytes)
  sizeOf(cid, node)
  const links = linksOnTheWay + node.links.length
  assertNarrow(cid, links)
  const own = node.unixfs!.data ?? new Uint8Array()
  yield* cut(own, 0, range)
  const reads = new ReadAhead(partsIn(node, own.length, range), options)
  for (let next = reads.next(); next !== undefined; next = reads.next()) {
    const { part, reading } = next
    const child = await reading
    const inner = {
      start: Math.max(0, range.start - part.start),
      end: Math.min(part.size, range.end - part.start),
    }
    let left = inner.end - inner.start
    const below = { cid: part.cid, bytes: child, depth: depth + 1, linksOnTheWay: links }
    for await (const chunk of readFile(below, inner, options)) {
      left -= chunk.length
      yield chunk
    }
    if (left !== 0)
      throw new UnreadableNodeError(part.cid, `it does not have the ${part.size} bytes that ${cid} says`)
  }
}

interface FilePart {
  cid: CID
  /** From the first byte of the node that links to it. */
  start: number
  size: number
}

function* partsIn({ links, unixfs }: DagPbNode, firstStart: number, range: ByteRange): Generator<FilePart> {
  let start = firstStart
  for (let at = 0; at < links.length && start < range.end; at++) {
    const size = Number(unixfs!.blockSizes[at]!)
    if (size > 0 && start + size > range.start) yield { cid: links.at(at).Hash, start, size }
    start += size
  }
}

/** Reads blocks in order, some before they are asked for. */
class ReadAhead {
  readonly #parts: Iterator<FilePart>
  readonly #options: ReaderOptions
  readonly #reads: { part: FilePart; reading: Promise<Uint8Array> }[] = []

  constructor(parts: Iterator<FilePart>, options: ReaderOptions) {
    this.#parts = parts
    this.#options = options
  }

  next() {
    const { read, readAhead = defaultReadAhead } = this.#options
    while (this.#reads.length <= readAhead) {
      const { value: part, done } = this.#parts.next()
      if (done) break
      const reading = read(part.cid)
      // Reported when it is its turn, if it ever is.
      reading.catch(() => undefined)
      this.#reads.push({ part, reading })
    }
    return this.#reads.shift()
  }
}

function* cut(bytes: Uint8Array, start: number, range: ByteRange): Generator<Uint8Array> {
  const from = Math.max(0, range.start - start)
  const to = Math.min(bytes.length, range.end - start)
  if (from < to) yield bytes.subarray(from, to)
}

/** A block of a folder that is sharded, or one of its entries; blocks come before the entries in them. */
export type FolderStep = { kind: 'shard'; cid: CID; bytes: Uint8Array } | ({ kind: 'entry' } & FolderEntry)

async function* entriesOf(cid: CID, node: DagPbNode, read: ReadBlock): AsyncGenerator<FolderEntry> {
  for await (const step of folderSteps(cid, node, read)) if (step.kind === 'entry') yield step
}

/** Reads the shards of the folder, each once. Rejects with `UnreadableNodeError` and with what `read` rejects with. */
async function* folderSteps(cid: CID, node: DagPbNode, read: ReadBlock): AsyncGenerator<FolderStep> {
  yield* shardSteps(
    { cid, node, depth: 0, linksOnTheWay: node.links.length },
    {
      read,
      // A sound folder links to each of its shards once. Two links to one shard, 64 levels deep, are 2^64 ways.
      seen: new Set([cid.toString()]),
      turns: new Turns(),
    },
  )
}

interface Shard {
  cid: CID
  node: DagPbNode
  depth: number
  linksOnTheWay: number
}

interface FolderWalk {
  read: ReadBlock
  seen: Set<string>
  turns: Turns
}

async function* shardSteps(shard: Shard, walk: FolderWalk): AsyncGenerator<FolderStep> {
  const { cid, node, depth, linksOnTheWay } = shard
  if (depth > maxDepth) throw new UnreadableNodeError(cid, `the folder has more than ${maxDepth} levels`)
  assertNarrow(cid, linksOnTheWay)
  const isSharded = node.unixfs?.type === 'hamt-sharded-directory'
  const digits = isSharded ? shardPrefix(cid, node.unixfs!).digits : 0
  for (const { Name = '', Hash, Tsize = 0 } of node.links) {
    await walk.turns.spend()
    if (!isSharded || Name.length !== digits) {
      yield { kind: 'entry', name: Name.slice(digits), cid: Hash, size: Tsize }
      continue
    }
    if (walk.seen.size > maxShards)
      throw new UnreadableNodeError(cid, `the folder has more than ${maxShards} shards`)
    if (walk.seen.size === walk.seen.add(Hash.toString()).size) {
      throw new UnreadableNodeError(Hash, 'the folder links to this shard twice')
    }
    const bytes = await walk.read(Hash)
    yield { kind: 'shard', cid: Hash, bytes }
    const child = decodeDagPb(Hash, bytes)
    yield* shardSteps(
      { cid: Hash, node: child, depth: depth + 1, linksOnTheWay: linksOnTheWay + child.links.length },
      walk,
    )
  }
}

function assertNarrow(cid: CID, linksOnTheWay: number): void {
  if (linksOnTheWay > maxLinksOnTheWay) {
    throw new UnreadableNodeError(cid, `the nodes above it have more than ${maxLinksOnTheWay} links`)
  }
}
