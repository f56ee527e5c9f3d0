/** What a block links to, and how a reader calls each link. */
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import type { IpfsBlock } from '../runtime/ipfs.ts'
import { linksOfCbor, type NodeLink } from './cbor-links.ts'

const dagCbor = 0x71
const dagJson = 0x0129
/** identity, cbor, raw, json: blocks that have no links. */
const leafCodecs: ReadonlySet<number> = new Set([0x00, 0x51, 0x55, 0x0200])
/** Keys of a nested value that its link is named by, and characters of each. */
const maxKeys = 16
const maxKeyLength = 256

/** True when it is known what blocks of this codec link to. */
export function isCodecKnown(codec: number): boolean {
  return leafCodecs.has(codec) || codec === dagPb.code || codec === dagCbor || codec === dagJson
}

/** In the order of the block; none for an unknown codec. Throws for a block that is not what its codec says. */
export function* linksOf({ cid, bytes }: IpfsBlock): Generator<NodeLink> {
  if (cid.code === dagPb.code) yield* linksOfDagPb(bytes)
  else if (cid.code === dagCbor) yield* linksOfCbor(bytes)
  else if (cid.code === dagJson) yield* linksOfJson(bytes)
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

/**
 * Links of JSON are objects with the one key `/` and a text. Without recursion, and by the parser of the runtime: the decoder
 * of dag-json takes seconds for a block of many values.
 */
function* linksOfJson(bytes: Uint8Array): Generator<NodeLink> {
  const root: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  const isThing = typeof root === 'object' && root !== null
  const stack: JsonPlace[] = isThing ? [{ value: root, parent: undefined, key: '' }] : []
  for (let place = stack.pop(); place; place = stack.pop()) {
    const { value } = place
    if (Array.isArray(value)) {
      for (let key = value.length - 1; key >= 0; key--) {
        const each: unknown = value[key]
        if (typeof each === 'object' && each !== null) stack.push({ value: each, parent: place, key })
      }
      continue
    }
    const keys = Object.keys(value as object)
    if (keys.length === 1 && keys[0] === '/') {
      const link: unknown = (value as { '/': unknown })['/']
      // Otherwise it is bytes.
      if (typeof link === 'string') yield { cid: CID.parse(link), name: nameOf(place) }
      continue
    }
    for (const key of keys.reverse()) {
      const each = (value as Record<string, unknown>)[key]
      if (typeof each === 'object' && each !== null) stack.push({ value: each, parent: place, key })
    }
  }
}

interface JsonPlace {
  value: unknown
  parent: JsonPlace | undefined
  key: string | number
}

function nameOf(place: JsonPlace): string {
  const keys: string[] = []
  for (let at = place; at.parent; at = at.parent) keys.push(`${at.key}`.slice(0, maxKeyLength))
  return keys.slice(-maxKeys).reverse().join('/')
}
