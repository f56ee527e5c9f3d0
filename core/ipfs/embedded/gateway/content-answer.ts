/** Content whose size is known, whole or in part. */
import type { ByteRange } from '../dag/unixfs-reader.ts'
import type { Answer, Head } from './answer.ts'
import { begun } from './begun.ts'
import { matches } from './caching.ts'
import { cached, type Found, notModified } from './found.ts'
import { readRange } from './ranges.ts'

export interface Content {
  etag: string
  /** Undefined when the part alone does not tell. */
  type(range: ByteRange): Promise<string | undefined>
  size: number
  /** `Content-Disposition`. */
  disposition: string | undefined
  bytes(range: ByteRange): Uint8Array | AsyncGenerator<Uint8Array>
}

export async function contentAnswer(found: Found, content: Content): Promise<Answer> {
  const { ifNoneMatch, ifRange, range: asked } = found.request
  const { etag, size } = content
  const head: Head = { ...found.head, ...cached(found, etag) }
  if (matches(ifNoneMatch, etag)) return notModified(head)
  const part = ifRange === undefined || ifRange === etag ? readRange(asked, size) : undefined
  const range = part ?? { start: 0, end: size }
  const type = await content.type(range)
  const headers: Head = {
    ...head,
    ...(type !== undefined && { 'content-type': type }),
    ...(content.disposition !== undefined && { 'content-disposition': content.disposition }),
    ...(part && { 'content-range': `bytes ${part.start}-${part.end - 1}/${size}` }),
    'content-length': String(range.end - range.start),
    'accept-ranges': 'bytes',
  }
  const bytes = content.bytes(range)
  const body = bytes instanceof Uint8Array ? bytes : await begun(bytes, 1)
  return { status: part ? 206 : 200, headers, body }
}
