/**
 * dag-pb nodes whose links are decoded one by one. A decoder that makes all of them at once takes a third of a second for
 * 65,536 links, without a turn of the event loop. The rules are those of the dag-pb specification: `Data` once, links
 * together, and `Hash`, `Name`, `Tsize` of a link in this order.
 */
import { CID } from 'multiformats/cid'
import { UnreadableNodeError } from '../errors.ts'

export const dagPbCode = 0x70

export interface DagPbLink {
  Hash: CID
  Name?: string
  Tsize?: number
}

/** Links of one node, at most. A block of 2 MiB has room for 50,000 real ones. */
export const maxLinks = 65_536

interface Span {
  start: number
  end: number
}

const dataKey = (1 << 3) | 2
const linksKey = (2 << 3) | 2
const hashKey = (1 << 3) | 2
const nameKey = (2 << 3) | 2
const sizeKey = 3 << 3

/** Links in their order; each is decoded when it is taken, so that keeping the list costs 8 bytes a link. */
export class DagPbLinks implements Iterable<DagPbLink> {
  readonly #cid: CID
  readonly #bytes: Uint8Array
  /** Start and end of each link. */
  readonly #spans: Uint32Array

  constructor(cid: CID, bytes: Uint8Array, spans: Uint32Array) {
    this.#cid = cid
    this.#bytes = bytes
    this.#spans = spans
  }

  get length(): number {
    return this.#spans.length / 2
  }

  /** `index` is below `length`. Throws `UnreadableNodeError` for a CID that makes no sense. */
  at(index: number): DagPbLink {
    const { hash, name, size } = this.#parts(index)
    const link: DagPbLink = { Hash: this.#decodeCid(hash) }
    if (name !== undefined) link.Name = new TextDecoder().decode(this.#bytes.subarray(name.start, name.end))
    if (size !== undefined) link.Tsize = size
    return link
  }

  *[Symbol.iterator](): Generator<DagPbLink> {
    for (let index = 0; index < this.length; index++) yield this.at(index)
  }

  /** The first link of one of these names. Names are compared as bytes, and only the link that is found is decoded. */
  named(...names: string[]): DagPbLink | undefined {
    const wanted = names.map((name) => Buffer.from(name))
    for (let index = 0; index < this.length; index++) {
      const { start, end } = this.#parts(index).name ?? { start: 0, end: 0 }
      const name = this.#bytes.subarray(start, end)
      if (wanted.some((bytes) => bytes.length === name.length && bytes.equals(name))) return this.at(index)
    }
    return undefined
  }

  #parts(index: number): LinkParts {
    return linkParts(this.#bytes, { start: this.#spans[index * 2]!, end: this.#spans[index * 2 + 1]! })
  }

  #decodeCid({ start, end }: Span): CID {
    try {
      return CID.decode(this.#bytes.subarray(start, end))
    } catch (cause) {
      throw unsound(this.#cid, cause)
    }
  }
}

export interface RawDagPbNode {
  data: Uint8Array | undefined
  links: DagPbLinks
}

/** Throws `UnreadableNodeError`, also for more than `maxLinks` links. */
export function parseDagPb(cid: CID, bytes: Uint8Array): RawDagPbNode {
  try {
    return parse(cid, bytes)
  } catch (cause) {
    throw cause instanceof UnreadableNodeError ? cause : unsound(cid, cause)
  }
}

function parse(cid: CID, bytes: Uint8Array): RawDagPbNode {
  let data: Uint8Array | undefined
  let isDataAfterLinks = false
  const spans: number[] = []
  for (const cursor = new ProtobufCursor(bytes, 0, bytes.length); !cursor.isAtEnd; ) {
    const key = cursor.number()
    const { start, end } = cursor.span()
    if (key === linksKey) {
      if (isDataAfterLinks) throw new SyntaxError('it has links before and after its data')
      if (spans.length === 2 * maxLinks) {
        throw new UnreadableNodeError(cid, `it has more than ${maxLinks} links`)
      }
      linkParts(bytes, { start, end })
      spans.push(start, end)
    } else if (key === dataKey && data === undefined) {
      data = bytes.subarray(start, end)
      isDataAfterLinks = spans.length > 0
    } else {
      throw new SyntaxError('it has a field that dag-pb does not have, or its data twice')
    }
  }
  return { data, links: new DagPbLinks(cid, bytes, Uint32Array.from(spans)) }
}

interface LinkParts {
  hash: Span
  name?: Span
  size?: number
}

/** The fields of a link, each once at most and in their order. */
function linkParts(bytes: Uint8Array, { start, end }: Span): LinkParts {
  const parts: Partial<LinkParts> = {}
  const cursor = new ProtobufCursor(bytes, start, end)
  for (let before = 0; !cursor.isAtEnd; ) {
    const key = cursor.number()
    if (key <= before) throw new SyntaxError('the fields of a link are not in their order')
    before = key
    if (key === hashKey) parts.hash = cursor.span()
    else if (key === nameKey) parts.name = cursor.span()
    else if (key === sizeKey) parts.size = cursor.number()
    else throw new SyntaxError('a link has a field that dag-pb does not have')
  }
  if (parts.hash === undefined) throw new SyntaxError('a link has no CID')
  return parts as LinkParts
}

/** Reads the fields of a message in place. Throws `SyntaxError`. */
export class ProtobufCursor {
  readonly #bytes: Uint8Array
  readonly #end: number
  #at: number

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#end
  }

  /** A varint; exact up to 2^53. */
  number(): number {
    let value = 0
    for (let factor = 1; factor < 2 ** 64; factor *= 128) {
      if (this.#at >= this.#end) throw new SyntaxError('it ends too early')
      const byte = this.#bytes[this.#at++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
    throw new SyntaxError('a number is too long')
  }

  span(): Span {
    const length = this.number()
    const start = this.#at
    if (length > this.#end - start) throw new SyntaxError('it ends too early')
    this.#at += length
    return { start, end: this.#at }
  }
}

function unsound(cid: CID, cause: unknown): UnreadableNodeError {
  return new UnreadableNodeError(cid, `it is not sound (${(cause as Error).message})`, { cause })
}
