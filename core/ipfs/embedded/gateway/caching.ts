/** ETags, and how long an answer may be kept. */
import type { CID } from 'multiformats/cid'

const immutable = 'public, max-age=29030400, immutable'
/** For names that do not say how long they hold: domains, and records without a time to live. */
const changing = 'public, max-age=60'
/** For pages that another version of this program may make otherwise. */
const generated = 'public, max-age=604800, stale-while-revalidate=2678400'
/** In ETags of generated pages: to be raised whenever they look different. */
const layout = 'c2'

/** `ttl` in s, of the name that led here. */
export function cacheControl(isMutable: boolean, ttl: number | undefined): string {
  if (!isMutable) return immutable
  return ttl === undefined ? changing : `public, max-age=${ttl}`
}

export function pageCacheControl(isMutable: boolean, ttl: number | undefined): string {
  return isMutable ? cacheControl(true, ttl) : generated
}

/** `suffix`: of the format, for those that are not the content itself. */
export function etagOf(cid: CID, suffix?: string): string {
  return suffix === undefined ? `"${cid}"` : `"${cid}.${suffix}"`
}

export function pageEtag(kind: 'DirIndex' | 'DagIndex', cid: CID): string {
  return `"${kind}-${layout}_CID-${cid}"`
}

/** Whether `If-None-Match` names this ETag. */
export function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '')
  return header.trim() === '*' || header.split(',').some((tag) => opaque(tag) === opaque(etag))
}
