/** Folders: their index page, or a list of what is in them. */
import { resolvePath } from '../dag/path.ts'
import { openUnixfs, type UnixfsEntry } from '../dag/unixfs-reader.ts'
import { PathNotFoundError } from '../errors.ts'
import type { Answer } from './answer.ts'
import { cacheControl, etagOf, matches, pageCacheControl, pageEtag } from './caching.ts'
import { contentAnswer } from './content-answer.ts'
import { GatewayError } from './errors.ts'
import { type Found, notModified } from './found.ts'
import { listing } from './listing.ts'
import { redirect } from './redirects.ts'

type Folder = UnixfsEntry & { type: 'folder' }
type File = UnixfsEntry & { type: 'file' }

export async function folderAnswer(found: Found, folder: Folder): Promise<Answer> {
  const { request, cid, isMutable, ttl, head } = found
  const { pathname, ifNoneMatch } = request
  if (!pathname.endsWith('/')) return toTrailingSlash(found)
  const index = await indexPage(found)
  if (index !== undefined) {
    return contentAnswer(found, {
      // Of the folder, as the address is.
      etag: etagOf(cid),
      type: async () => 'text/html; charset=utf-8',
      size: index.size,
      disposition: undefined,
      bytes: (range) => index.content(range),
    })
  }
  const etag = pageEtag('DirIndex', cid)
  const cachedHead = { ...head, etag, 'cache-control': pageCacheControl(isMutable, ttl) }
  if (matches(ifNoneMatch, etag)) return notModified(cachedHead)
  const headers = {
    ...cachedHead,
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  }
  return { status: 200, headers, body: listing(request.path, folder.entries()) }
}

/** Links of a page count from its address, so that it has to end where the folder does. */
export function toTrailingSlash(found: Found): Answer {
  const { request, head, isMutable, ttl } = found
  return redirect(301, `${request.pathname}/${request.search}`, {
    ...head,
    'cache-control': cacheControl(isMutable, ttl),
  })
}

async function indexPage({ cid, blocks }: Found): Promise<File | undefined> {
  try {
    const index = await resolvePath(cid, ['index.html'], blocks.read)
    const file = await openUnixfs(index.cid, { read: blocks.read })
    if (file.type === 'file') return file
  } catch (error) {
    if (error instanceof PathNotFoundError) return undefined
    throw error
  }
  throw new GatewayError(422, `index.html in ${cid} is no file`)
}
