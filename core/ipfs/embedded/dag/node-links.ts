/** The links of a block, by the codec of its CID. */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { messageOf } from '../../../error-text.ts'
import { UnreadableNodeError } from '../errors.ts'

const raw = 0x55
const cbor = 0x51
const json = 0x0200

/** In the order of the node. Throws `UnreadableNodeError`. */
export function linksOf(cid: CID, bytes: Uint8Array): CID[] {
  if (hasNoLinks(cid.code)) return []
  try {
    if (cid.code === dagPb.code) return dagPb.decode(bytes).Links.map((link) => link.Hash)
    if (cid.code === dagCbor.code) return collect(dagCbor.decode(bytes))
    if (cid.code === dagJson.code) return collect(dagJson.decode(bytes))
  } catch (error) {
    const why = messageOf(error)
    throw new UnreadableNodeError(cid, `it is not sound (${why})`, { cause: error })
  }
  throw new UnreadableNodeError(
    cid,
    `its codec 0x${cid.code.toString(16)} is not supported, so what it links to is not known; pin it as direct`,
  )
}

/** True for codecs whose blocks never link to others. */
export function hasNoLinks(codec: number): boolean {
  return codec === raw || codec === cbor || codec === json
}

/**
 * Whether the block has no links when read as dag-pb: told without decoding it, so that the large leaves of files need
 * not be read again. A node without links is empty or one `Data` field (number 1, bytes) up to its end.
 */
export function isDagPbLeaf(bytes: Uint8Array): boolean {
  if (bytes.length === 0) return true
  if (bytes[0] !== 0x0a) return false
  let length = 0
  for (let at = 1, factor = 1; at < bytes.length && at <= 5; at++, factor *= 128) {
    length += (bytes[at]! & 0x7f) * factor
    if (bytes[at]! < 0x80) return at + 1 + length === bytes.length
  }
  return false
}

/** Depth first, in the order of keys. Nothing is deeper than the decoders take. */
function collect(value: unknown, found: CID[] = []): CID[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return found
  const cid = CID.asCID(value)
  if (cid !== null) found.push(cid)
  else for (const inner of Object.values(value)) collect(inner, found)
  return found
}
