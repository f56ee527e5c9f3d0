/** dag-pb nodes, and what UnixFS makes of them. */
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import type { CID } from 'multiformats/cid'
import { UnreadableNodeError } from '../errors.ts'

export const dagPbCode = dagPb.code
export const rawCode = 0x55

export interface DagPbNode {
  links: readonly dagPb.PBLink[]
  /** Undefined for nodes that are not UnixFS; their links have names all the same. */
  unixfs: UnixFS | undefined
}

/** Throws `UnreadableNodeError`. */
export function decodeDagPb(cid: CID, bytes: Uint8Array): DagPbNode {
  let node: dagPb.PBNode
  try {
    node = dagPb.decode(bytes)
  } catch (cause) {
    throw new UnreadableNodeError(cid, `it is not sound (${(cause as Error).message})`, { cause })
  }
  try {
    return { links: node.Links, unixfs: node.Data && UnixFS.unmarshal(node.Data) }
  } catch {
    return { links: node.Links, unixfs: undefined }
  }
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
