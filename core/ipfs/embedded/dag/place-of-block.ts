/** Says where in a DAG a block belongs, in the names that a user knows. */
import type { CID } from 'multiformats/cid'
import { Turns } from '../turns.ts'
import { dagPbCode } from './dag-pb-node.ts'
import { decodeDagPb, shardPrefix } from './unixfs-node.ts'
import { valueEvents } from './value-events.ts'

/** A node, and the one that it was come to from. */
export interface WayStep {
  readonly cid: CID
  readonly above: WayStep | undefined
  /** Steps above this one. */
  readonly depth: number
}

/** Levels that are remembered: a chain of blocks may be millions long. */
export const maxWay = 64
/** Characters of a path that are shown. */
const maxPath = 1_000

/** The step below `above`. Below `maxWay` levels the lowest of them are left out. */
export function stepBelow(above: WayStep): Pick<WayStep, 'above' | 'depth'> {
  if (above.depth < maxWay) return { above, depth: above.depth + 1 }
  return { above: above.above, depth: above.depth }
}

/**
 * The path from the root as far as it has names: parts of files have none. `read` gets blocks that are here; what is not
 * here or cannot be read ends the path with `…`.
 */
export async function placeOfBlock(
  cid: CID,
  above: WayStep | undefined,
  read: (cid: CID) => Promise<Uint8Array | undefined>,
): Promise<string> {
  const way: CID[] = [cid]
  for (let step = above; step !== undefined; step = step.above) way.unshift(step.cid)
  let path = `/ipfs/${way[0]}`
  for (const [index, child] of way.slice(1).entries()) {
    const name = await nameIn(way[index]!, child, read)
    if (name === undefined) return `${path}/…`
    if (name !== '') path += `/${name}`
    if (path.length > maxPath) return `${path.slice(0, maxPath)}…`
  }
  return path
}

/** Of the first link to the child. Undefined when there is none to be read. */
async function nameIn(
  parent: CID,
  child: CID,
  read: (cid: CID) => Promise<Uint8Array | undefined>,
): Promise<string | undefined> {
  try {
    const bytes = await read(parent)
    if (bytes === undefined) return undefined
    return await (parent.code === dagPbCode ? linkName : keyPath)(parent, bytes, child)
  } catch {
    return undefined
  }
}

async function linkName(parent: CID, bytes: Uint8Array, child: CID): Promise<string | undefined> {
  const turns = new Turns()
  const { links, unixfs } = decodeDagPb(parent, bytes)
  for (const { Hash, Name = '' } of links) {
    await turns.spend()
    if (!Hash.equals(child)) continue
    // In a sharded folder the bucket comes before the name.
    return unixfs?.type === 'hamt-sharded-directory' ? Name.slice(shardPrefix(parent, unixfs).digits) : Name
  }
  return undefined
}

/** Keys and positions that lead to the link. */
async function keyPath(parent: CID, bytes: Uint8Array, child: CID): Promise<string | undefined> {
  const turns = new Turns()
  const open: (string | number)[] = []
  for (const event of valueEvents(parent.code, bytes)) {
    await turns.spend()
    if (event.kind === 'end') open.pop()
    else if (event.kind === 'key') open[open.length - 1] = event.key
    else {
      const position = open.at(-1)
      if (typeof position === 'number') open[open.length - 1] = position + 1
      if (event.kind === 'link' && event.cid.equals(child)) return open.join('/')
      if (event.kind === 'start') open.push(event.of === 'map' ? '' : -1)
    }
  }
  return undefined
}
