/**
 * The links of a block, by the codec of its CID, one after the other: a block of 4 MiB may have so many values that
 * decoding all of them at once takes seconds.
 */
import type { CID } from 'multiformats/cid'
import { messageOf } from '../../../error-text.ts'
import { UnreadableNodeError } from '../errors.ts'
import { dagPbCode, maxLinks, parseDagPb } from './dag-pb-node.ts'
import { dagCborCode, dagJsonCode, valueEvents } from './value-events.ts'

/** Values between two places to pause. */
const valuesPerPause = 64

/**
 * In the order of the node. Undefined between them is a place to pause. Blocks of a codec that is not known here are
 * leaves. Throws `UnreadableNodeError`, also for more than `maxLinks` links.
 */
export function* linksIn(cid: CID, bytes: Uint8Array): Generator<CID | undefined, void> {
  let links = 0
  try {
    for (const link of decode(cid, bytes)) {
      if (link !== undefined && ++links > maxLinks) {
        throw new UnreadableNodeError(cid, `it has more than ${maxLinks} links`)
      }
      yield link
    }
  } catch (error) {
    if (error instanceof UnreadableNodeError) throw error
    throw new UnreadableNodeError(cid, `it is not sound (${messageOf(error)})`, { cause: error })
  }
}

/** True for codecs whose blocks never link to others, as far as it is known here. */
export function hasNoLinks(codec: number): boolean {
  return codec !== dagPbCode && codec !== dagCborCode && codec !== dagJsonCode
}

/** Codecs whose blocks have no links; what blocks of codecs outside of this list link to is not known here. */
export function isKnownLeaf(codec: number): boolean {
  return knownLeaves.has(codec)
}

/** raw, cbor, json, identity. */
const knownLeaves: ReadonlySet<number> = new Set([0x55, 0x51, 0x0200, 0x00])

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

function* decode(cid: CID, bytes: Uint8Array): Generator<CID | undefined, void> {
  if (cid.code === dagPbCode) {
    for (const { Hash } of parseDagPb(cid, bytes).links) yield Hash
    return
  }
  let values = 0
  for (const event of valueEvents(cid.code, bytes)) {
    if (event.kind === 'link') yield event.cid
    if (++values % valuesPerPause === 0) yield undefined
  }
}
