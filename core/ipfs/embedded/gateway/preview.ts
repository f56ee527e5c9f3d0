/** The page that shows a document in DAG-CBOR or DAG-JSON, for people. */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { CID } from 'multiformats/cid'
import type { Answer } from './answer.ts'
import { matches, pageCacheControl, pageEtag } from './caching.ts'
import { toTrailingSlash } from './folder-answer.ts'
import { type Found, notModified } from './found.ts'
import { escaped, link, pageEnd, pageHead } from './html.ts'

/** Bytes of a document that is shown: it is decoded at one go. */
const maxDocument = 256 * 1024
/** Values shown, levels of them, and characters of one; the rest is there for download. */
const maxValues = 5_000
const maxLevels = 32
const maxText = 2_000

/** Undefined when the blocks of that codec have no page. */
export async function previewAnswer(found: Found): Promise<Answer | undefined> {
  const { cid, request, blocks, isMutable, ttl } = found
  const decoder = [dagCbor, dagJson].find(({ code }) => code === cid.code)
  if (decoder === undefined) return undefined
  if (!request.pathname.endsWith('/')) return toTrailingSlash(found)
  const etag = pageEtag('DagIndex', cid)
  const head = { ...found.head, etag, 'cache-control': pageCacheControl(isMutable, ttl) }
  if (matches(request.ifNoneMatch, etag)) return notModified(head)
  const bytes = await blocks.read(cid)
  const body = new TextEncoder().encode(
    page(request.pathname, cid, decoder.name, contentOf(bytes, decoder.decode)),
  )
  const headers = {
    ...head,
    'content-type': 'text/html; charset=utf-8',
    'content-length': String(body.length),
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  }
  return { status: 200, headers, body }
}

function page(title: string, cid: CID, codec: string, content: string): string {
  return `${pageHead(title)}<h1>${cid}</h1>
<p>Codec ${codec} (0x${cid.code.toString(16)}). As it is: ${link('?format=raw', 'raw block')}, ${link(`?format=${codec}`, codec)}.
${content}
${pageEnd}`
}

function contentOf(bytes: Uint8Array, decode: (bytes: Uint8Array) => unknown): string {
  if (bytes.length > maxDocument) return `<p>It has ${bytes.length} bytes, which is too much to show.`
  try {
    return new Values().show(decode(bytes), 0)
  } catch {
    return '<p>It is not sound, so that it cannot be shown.'
  }
}

class Values {
  #left = maxValues

  show(value: unknown, level: number): string {
    if (this.#left-- <= 0 || level > maxLevels) return '…'
    if (value instanceof Uint8Array) return code(hex(value))
    if (typeof value !== 'object' || value === null) return code(String(value))
    const cid = CID.asCID(value)
    if (cid !== null) return link(`/ipfs/${cid}`, String(cid))
    const rows: string[] = []
    for (const [key, inner] of Object.entries(value)) {
      if (this.#left <= 0) {
        rows.push('<dt>…')
        break
      }
      rows.push(`<dt>${code(key)}<dd>${this.show(inner, level + 1)}`)
    }
    return `<dl>\n${rows.join('\n')}\n</dl>`
  }
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes.subarray(0, maxText)).toString('hex')}`
}

function code(text: string): string {
  return `<code>${escaped(text.length > maxText ? `${text.slice(0, maxText)}…` : text)}</code>`
}
