/** Makes named blocks of one add: one CID version, one hash function, one way out. */
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
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
    return this.#node(new UnixFS({ type, data }), [], data.length)
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
    return this.#node(new UnixFS({ type: 'symlink', data: Buffer.from(target) }), [])
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

  async #node(unixfs: UnixFS, entries: NamedNode[], fileSize = 0): Promise<DagNode> {
    const Links = entries.map(({ name, node }) => ({ Hash: node.cid, Name: name, Tsize: node.dagSize }))
    const bytes = dagPb.encode({ Data: unixfs.marshal(), Links })
    const { cidVersion, hash } = this.#init
    const cid = CID.create(cidVersion, dagPb.code, multihash(hash, bytes))
    await this.#init.emit({ cid, bytes })
    const below = entries.reduce((sum, { node }) => sum + node.dagSize, 0)
    return { cid, dagSize: bytes.length + below, fileSize }
  }
}
