/** What the path of a request leads to. */
import type { CID } from 'multiformats/cid'
import { resolveAny } from '../dag/path.ts'
import type { Answer, Head } from './answer.ts'
import type { BlockReading } from './block-reading.ts'
import { cacheControl } from './caching.ts'
import { GatewayError } from './errors.ts'
import { contentLocation, type GatewayRequest } from './request.ts'

export interface Found {
  request: GatewayRequest
  blocks: BlockReading
  cid: CID
  /** The CIDs on the way, from the root to `cid`. */
  roots: readonly CID[]
  /** Blocks that the path went through. */
  way: readonly CID[]
  /** A name led here, which may lead elsewhere later. */
  isMutable: boolean
  /** s that all names on the way hold. */
  ttl: number | undefined
  /** Of every answer about it. */
  head: Head
}

/** Rejects with `GatewayError` and with what `asGatewayError` takes. */
export async function find(request: GatewayRequest, blocks: BlockReading): Promise<Found> {
  const way: CID[] = []
  const ttls: (number | undefined)[] = []
  const read = async (cid: CID) => {
    way.push(cid)
    return blocks.read(cid)
  }
  const { cid, roots, inside } = await resolveAny(request.path, read, async (name) => {
    const { path, ttl } = await blocks.findName(name)
    ttls.push(ttl)
    return path
  })
  blocks.expectCached(cid)
  if (inside.length > 0) {
    throw new GatewayError(501, `the path goes on inside of a block: ask for /ipfs/${cid} as a whole`)
  }
  const known = ttls.filter((ttl) => ttl !== undefined)
  return {
    request,
    blocks,
    cid,
    roots,
    way,
    isMutable: request.path.namespace === 'ipns',
    ttl: known.length < ttls.length || known.length === 0 ? undefined : Math.min(...known),
    head: headOf(request, roots),
  }
}

/** Of content that is the CID's own: it changes only when a name leads elsewhere. */
export function cached({ isMutable, ttl }: Found, etag: string): Head {
  return { etag, 'cache-control': cacheControl(isMutable, ttl) }
}

export function notModified(head: Head): Answer {
  return { status: 304, headers: head, body: undefined }
}

function headOf(request: GatewayRequest, roots: readonly CID[]): Head {
  return {
    'x-ipfs-path': request.pathname,
    'x-ipfs-roots': roots.join(','),
    'x-content-type-options': 'nosniff',
    ...contentLocation(request),
  }
}
