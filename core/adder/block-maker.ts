/** Makes named blocks of one add: one CID version, one hash function, one way out. */
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { bytesFromText } from '../runtime/byte-text.ts'
import type { IpfsBlock } from '../runtime/ipfs.ts'
import { type HashFunction, multihash } from './hashing.ts'

/** A made node, as its parent needs to know it. */
export interface DagNode {
  cid: CID
  /** Bytes of the node and of all below it, each link counted. */
  dagSize: number
  /** Bytes of the file that the node stands for; 0 for folders and links. */
  fileSize: number
}

export interface NamedNode {
  name: string
  node: DagNode
}

export interface BlockMakerInit {
  cidVersion: 0 | 1
  hash: HashFunction
  /** Takes a block; resolves when there is room for another. */
  emit: (block: IpfsBlock) => Promise<void>
}

export class BlockMaker {
  readonly #init: BlockMakerInit

  constructor(init: BlockMakerInit) {
    this.#init = init
  }

  /** A leaf that is nothing but bytes. */
  async raw(data: Uint8Array): Promise<DagNode> {
    const cid = CID.create(1, raw.code, multihash(this.#init.hash, data))
    await this.#init.emit({ cid, bytes: data })
    return { cid, dagSize: data.length, fileSize: data.length }
  }

  /** A leaf in a UnixFS envelope; `raw` is what trickle DAGs have at their ends. */
  leaf(data: Uint8Array, type: 'file' | 'raw'): Promise<DagNode> {
    return this.#block(leafBytes(data, type), 0, data.length)
  }

  /** A file of parts, in order. */
  file(parts: DagNode[]): Promise<DagNode> {
    const blockSizes = parts.map((part) => BigInt(part.fileSize))
    const fileSize = parts.reduce((sum, part) => sum + part.fileSize, 0)
    return this.#node(
      new UnixFS({ type: 'file', blockSizes }),
      parts.map((node) => ({ name: '', node })),
      fileSize,
    )
  }

  symlink(target: string): Promise<DagNode> {
    return this.#node(new UnixFS({ type: 'symlink', data: bytesFromText(target) }), [])
  }

  /** `entries` in the byte order of their names. */
  folder(entries: NamedNode[]): Promise<DagNode> {
    return this.#node(new UnixFS({ type: 'directory' }), entries)
  }

  /** One node of a sharded folder (HAMT). `bits` says which of the slots are taken, the first slot in the last bit. */
  shard(bits: Uint8Array, slots: number, hashCode: number, entries: NamedNode[]): Promise<DagNode> {
    const unixfs = new UnixFS({
      type: 'hamt-sharded-directory',
      data: bits,
      fanout: BigInt(slots),
      hashType: BigInt(hashCode),
    })
    return this.#node(unixfs, entries)
  }

  #node(unixfs: UnixFS, entries: NamedNode[], fileSize = 0): Promise<DagNode> {
    const Links = entries.map(({ name, node }) => ({ Hash: node.cid, Name: name, Tsize: node.dagSize }))
    const Data = unixfs.marshal()
    // The codec knows names in UTF-8 only.
    const isText = entries.every(({ name }) => name.isWellFormed())
    const bytes = isText ? dagPb.encode({ Data, Links }) : bytesOfNode(Data, entries)
    const below = entries.reduce((sum, { node }) => sum + node.dagSize, 0)
    return this.#block(bytes, below, fileSize)
  }

  async #block(bytes: Uint8Array, below: number, fileSize: number): Promise<DagNode> {
    const { cidVersion, hash } = this.#init
    const cid = CID.create(cidVersion, dagPb.code, multihash(hash, bytes))
    await this.#init.emit({ cid, bytes })
    return { cid, dagSize: bytes.length + below, fileSize }
  }
}

/**
 * A dag-pb node without links around a UnixFS node without blocks, in one copy of `data`: the codecs make three, and most
 * blocks are leaves. Fields: Data (1) { Type (1), Data (2) unless empty, filesize (3) }.
 */
function leafBytes(data: Uint8Array, type: 'file' | 'raw'): Uint8Array {
  const head = [0x08, type === 'file' ? 2 : 0]
  if (data.length > 0) head.push(0x12, ...varint(data.length))
  const tail = [0x18, ...varint(data.length)]
  const outer = [0x0a, ...varint(head.length + data.length + tail.length)]
  const bytes = Buffer.allocUnsafeSlow(outer.length + head.length + data.length + tail.length)
  bytes.set(outer)
  bytes.set(head, outer.length)
  bytes.set(data, outer.length + head.length)
  bytes.set(tail, bytes.length - tail.length)
  return bytes
}

/** A dag-pb node whose links have names in any encoding. Fields: Links (2) { Hash (1), Name (2), Tsize (3) }, Data (1). */
function bytesOfNode(data: Uint8Array, entries: NamedNode[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (const { name, node } of entries) {
    const link = Buffer.concat([
      ...[field(0x0a, node.cid.bytes), field(0x12, bytesFromText(name))],
      Buffer.from([0x18, ...varint(node.dagSize)]),
    ])
    parts.push(field(0x12, link))
  }
  return Buffer.concat([...parts, field(0x0a, data)])
}

function field(tag: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([tag, ...varint(value.length)]), value])
}

/** `value` is a whole number of at least 0. */
function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80)
  bytes.push(rest)
  return bytes
}
