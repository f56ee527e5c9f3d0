/** What a request to the gateway asks for. */
import { type PathRoot, parsePath } from '../dag/path.ts'
import type { Head } from './answer.ts'
import { GatewayError } from './errors.ts'
import { type Negotiated, negotiate, queryOf } from './negotiation.ts'

export interface GatewayRequest {
  /** As it was requested, percent-encoded. */
  pathname: string
  /** The query with its `?`, as it was requested; empty without one. */
  search: string
  query: URLSearchParams
  path: PathRoot
  wanted: Negotiated
  /** Name for the browser to save under. */
  filename: string | undefined
  download: boolean
  /** Answer only what is here. */
  onlyIfCached: boolean
  ifNoneMatch: string | undefined
  ifRange: string | undefined
  range: string | undefined
}

/** Throws `GatewayError`, or `PathError` when the path is none. */
export function readRequest(url: URL, headers: Headers): GatewayRequest {
  const query = url.searchParams
  return {
    pathname: url.pathname,
    search: url.search,
    query,
    path: readPath(url.pathname),
    wanted: negotiate(query, headers.get('accept') ?? ''),
    filename: query.get('filename') || undefined,
    download: query.get('download') === 'true',
    onlyIfCached: /(^|,)\s*only-if-cached\b/i.test(headers.get('cache-control') ?? ''),
    ifNoneMatch: headers.get('if-none-match') ?? undefined,
    ifRange: headers.get('if-range') ?? undefined,
    range: headers.get('range') ?? undefined,
  }
}

/** The address of this format alone, for caches, when only `Accept` names it. */
export function contentLocation({ pathname, query, wanted }: GatewayRequest): Head {
  return wanted.byAccept ? { 'content-location': `${pathname}?${queryOf(query, wanted)}` } : {}
}

function readPath(pathname: string): PathRoot {
  const path = parsePath(pathname)
  if (path.namespace === 'ipld') throw new GatewayError(404, 'the gateway has /ipfs/<cid> and /ipns/<name>')
  try {
    return { ...path, root: decodeURIComponent(path.root), segments: path.segments.map(decodeURIComponent) }
  } catch {
    throw new GatewayError(400, 'the path is not percent-encoded properly')
  }
}
