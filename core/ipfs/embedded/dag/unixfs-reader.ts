/**
 * Reads files and folders of UnixFS as streams: nothing is read long before it is taken, so that a slow reader holds no
 * more than a few blocks in memory.
 */
import type { CID } from 'multiformats/cid'
import { UnreadableNodeError } from '../errors.ts'
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
  | { type: 'folder'; entries(): AsyncGenerator<FolderEntry> }
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
      return { type: 'folder', entries: () => entriesOf(cid, node, options.read, 0) }
    case 'symlink':
      return { type: 'symlink', target: new TextDecoder().decode(node.unixfs.data) }
    default:
      return { type: 'other' }
  }
}

function fileOf(cid: CID, bytes: Uint8Array, size: number, options: ReaderOptions): UnixfsEntry {
  const content = (range: ByteRange = { start: 0, end: size }) => readFile(cid, bytes, range, options, 0)
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

/** The bytes in `range` of the part under one node; `range` counts from the first byte of that part. */
async function* readFile(
  cid: CID,
  bytes: Uint8Array,
  range: ByteRange,
  options: ReaderOptions,
  depth: number,
): AsyncGenerator<Uint8Array> {
  if (depth > maxDepth) throw new UnreadableNodeError(cid, `the file has more than ${maxDepth} levels`)
  if (cid.code === rawCode) {
    yield* cut(bytes, 0, range)
    return
  }
  const node = decodeDagPb(cid, bytes)
  sizeOf(cid, node)
  const own = node.unixfs!.data ?? new Uint8Array()
  yield* cut(own, 0, range)
  const parts = partsIn(node, own.length, range)
  const reads = new ReadAhead(parts, options)
  for (const part of parts) {
    const child = await reads.next()
    const inner = {
      start: Math.max(0, range.start - part.start),
      end: Math.min(part.size, range.end - part.start),
    }
    let left = inner.end - inner.start
    for await (const chunk of readFile(part.cid, child, inner, options, depth + 1)) {
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

function partsIn({ links, unixfs }: DagPbNode, firstStart: number, range: ByteRange): FilePart[] {
  const parts: FilePart[] = []
  let start = firstStart
  for (const [at, link] of links.entries()) {
    const size = Number(unixfs!.blockSizes[at]!)
    if (size > 0 && start < range.end && start + size > range.start)
      parts.push({ cid: link.Hash, start, size })
    start += size
  }
  return parts
}

/** Reads blocks in order, some before they are asked for. */
class ReadAhead {
  readonly #parts: readonly FilePart[]
  readonly #options: ReaderOptions
  readonly #reads: Promise<Uint8Array>[] = []
  #begun = 0

  constructor(parts: readonly FilePart[], options: ReaderOptions) {
    this.#parts = parts
    this.#options = options
  }

  next(): Promise<Uint8Array> {
    const { read, readAhead = defaultReadAhead } = this.#options
    while (this.#begun < this.#parts.length && this.#reads.length <= readAhead) {
      const reading = read(this.#parts[this.#begun++]!.cid)
      // Told when it is its turn, if it ever is.
      reading.catch(() => undefined)
      this.#reads.push(reading)
    }
    return this.#reads.shift()!
  }
}

function* cut(bytes: Uint8Array, start: number, range: ByteRange): Generator<Uint8Array> {
  const from = Math.max(0, range.start - start)
  const to = Math.min(bytes.length, range.end - start)
  if (from < to) yield bytes.subarray(from, to)
}

async function* entriesOf(
  cid: CID,
  node: DagPbNode,
  read: ReadBlock,
  depth: number,
): AsyncGenerator<FolderEntry> {
  if (depth > maxDepth) throw new UnreadableNodeError(cid, `the folder has more than ${maxDepth} levels`)
  const sharded = node.unixfs?.type === 'hamt-sharded-directory'
  const digits = sharded ? shardPrefix(cid, node.unixfs!).digits : 0
  for (const { Name = '', Hash, Tsize = 0 } of node.links) {
    if (sharded && Name.length === digits) {
      yield* entriesOf(Hash, decodeDagPb(Hash, await read(Hash)), read, depth + 1)
    } else {
      yield { name: Name.slice(digits), cid: Hash, size: Tsize }
    }
  }
}
