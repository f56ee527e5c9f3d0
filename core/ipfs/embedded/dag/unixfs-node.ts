/** dag-pb nodes, and what UnixFS makes of them. */
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { UnreadableNodeError } from '../errors.ts'
import { type DagPbLinks, dagPbCode, maxLinks, ProtobufCursor, parseDagPb } from './dag-pb-node.ts'

export { dagPbCode }
export const rawCode = 0x55

export interface DagPbNode {
  links: DagPbLinks
  /** Undefined for nodes that are not UnixFS; their links have names all the same. */
  unixfs: UnixFS | undefined
}

/** Throws `UnreadableNodeError`. */
export function decodeDagPb(cid: CID, bytes: Uint8Array): DagPbNode {
  const { data, links } = parseDagPb(cid, bytes)
  if (data === undefined) return { links, unixfs: undefined }
  if (hasManyFields(data)) {
    throw new UnreadableNodeError(cid, `its UnixFS data has more than ${maxLinks} fields`)
  }
  try {
    return { links, unixfs: UnixFS.unmarshal(data) }
  } catch {
    return { links, unixfs: undefined }
  }
}

/**
 * True when the data has more fields than a node can need. Each size of a part is a field, and the decoder makes an
 * object of each: millions fit into one block.
 */
function hasManyFields(data: Uint8Array): boolean {
  try {
    const cursor = new ProtobufCursor(data, 0, data.length)
    for (let fields = 0; !cursor.isAtEnd; fields++) {
      if (fields > maxLinks) return true
      if ((cursor.number() & 7) === 0) cursor.number()
      else cursor.span()
    }
  } catch {
    // The decoder says what is wrong with it.
  }
  return false
}

/** Hexadecimal digits before the names in a sharded folder. Throws `UnreadableNodeError`. */
export function shardPrefix(cid: CID, unixfs: UnixFS): { bits: number; digits: number } {
  const fanOut = Number(unixfs.fanout ?? 256n)
  const bits = Math.log2(fanOut)
  if (!Number.isInteger(bits) || bits < 1 || bits > 16) {
    throw new UnreadableNodeError(cid, `its fan-out of ${fanOut} is no power of two up to 65536`)
  }
  return { bits, digits: (fanOut - 1).toString(16).length }
}
