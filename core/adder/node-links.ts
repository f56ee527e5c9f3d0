/** What a block links to, and how a reader calls each link. */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import type { IpfsBlock } from '../runtime/ipfs.ts'

export interface NodeLink {
  cid: CID
  /** As in a path; empty where the format has no name, as between the parts of a file. */
  name: string
}

/** identity, cbor, raw, json: blocks that have no links. */
const leafCodecs: ReadonlySet<number> = new Set([0x00, 0x51, 0x55, 0x0200])
/** Keys of a nested value that its link is named by, and characters of each. */
const maxKeys = 16
const maxKeyLength = 256

/** True when it is known what blocks of this codec link to. */
export function isCodecKnown(codec: number): boolean {
  return leafCodecs.has(codec) || codec === dagPb.code || codec === dagCbor.code || codec === dagJson.code
}

/** In the order of the block; none for an unknown codec. Throws for a block that is not what its codec says. */
export function* linksOf({ cid, bytes }: IpfsBlock): Generator<NodeLink> {
  if (cid.code === dagPb.code) yield* linksOfDagPb(bytes)
  else if (cid.code === dagCbor.code) yield* linksOfValue(dagCbor.decode(bytes))
  else if (cid.code === dagJson.code) yield* linksOfValue(dagJson.decode(bytes))
}

function* linksOfDagPb(bytes: Uint8Array): Generator<NodeLink> {
  const { Data, Links } = dagPb.decode(bytes)
  const prefix = Links.length === 0 ? 0 : slotDigits(Data)
  for (const { Hash, Name } of Links) yield { cid: Hash, name: (Name ?? '').slice(prefix) }
}

/** The nodes of a sharded folder have the number of a slot before the name of an entry. */
function slotDigits(data: Uint8Array | undefined): number {
  try {
    const node = data && UnixFS.unmarshal(data)
    if (node?.type !== 'hamt-sharded-directory') return 0
    return (Number(node.fanout ?? 256n) - 1).toString(16).length
  } catch {
    // Not UnixFS: its names are what they are.
    return 0
  }
}

/** Without recursion: only the decoders bound the depth. */
function* linksOfValue(root: unknown): Generator<NodeLink> {
  const stack = [{ value: root, name: '', keys: 0 }]
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { value, name, keys } = next
    if (typeof value !== 'object' || value === null || value instanceof Uint8Array) continue
    const cid = CID.asCID(value)
    if (cid) {
      yield { cid, name }
      continue
    }
    const inner = Object.entries(value).reverse()
    for (const [key, each] of inner) {
      if (typeof each !== 'object' || each === null) continue
      const longer = name === '' ? key.slice(0, maxKeyLength) : `${name}/${key.slice(0, maxKeyLength)}`
      stack.push({ value: each, name: keys < maxKeys ? longer : name, keys: keys + 1 })
    }
  }
}
