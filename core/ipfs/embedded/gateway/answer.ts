/** Answers one request to the gateway. */
import { createHash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { LinkedAbort } from '../../kubo/linked-abort.ts'
import { type ResolvedPath, resolveAny, resolvePath } from '../dag/path.ts'
import { openUnixfs, type UnixfsEntry } from '../dag/unixfs-reader.ts'
import { PathNotFoundError } from '../errors.ts'
import { type CarBlock, carStream } from './car-stream.ts'
import { sniffLength, typeOfBytes, typeOfName } from './content-type.ts'
import { BlockTimeoutError, GatewayError } from './errors.ts'
import type { GatewayNode } from './gateway-node.ts'
import { listing } from './listing.ts'
import { type GatewayRequest, matches, readRange } from './request.ts'

/** ms that one block may take to come. */
const blockTimeout = 60_000

const immutable = 'public, max-age=29030400, immutable'
const changing = 'public, max-age=60'
const generated = 'public, max-age=604800'

const codecTypes: Record<number, string> = {
  113: 'application/vnd.ipld.dag-cbor',
  297: 'application/vnd.ipld.dag-json',
  81: 'application/cbor',
  512: 'application/json',
}

type Head = Record<string, string>

export interface Answer {
  status: number
  headers: Head
  body: Uint8Array | AsyncGenerator<Uint8Array> | undefined
}

export class GatewayAnswer {
  readonly #node: GatewayNode
  readonly #request: GatewayRequest
  readonly #signal: AbortSignal
  /** Blocks that the path went through. */
  readonly #way: CarBlock[] = []

  constructor(node: GatewayNode, request: GatewayRequest, signal: AbortSignal) {
    this.#node = node
    this.#request = request
    this.#signal = signal
  }

  /** Rejects with `GatewayError` and with what `asGatewayError` takes. */
  async answer(): Promise<Answer> {
    const { format, pathname, onlyIfCached } = this.#request
    const resolved = await this.#resolve()
    const { cid, roots, inside } = resolved
    if (onlyIfCached && !this.#node.has(cid)) throw new GatewayError(412, `${cid} is not here`)
    if (inside.length > 0) {
      throw new PathNotFoundError(`the path goes on inside of a block: ask for /ipfs/${cid} as a whole`)
    }
    const head = {
      'x-ipfs-path': pathname,
      'x-ipfs-roots': roots.join(','),
      'x-content-type-options': 'nosniff',
    }
    if (format === 'raw') return this.#raw(cid, head)
    if (format === 'car') return this.#car(resolved, head)
    return this.#page(resolved, head)
  }

  #resolve(): Promise<ResolvedPath> {
    const read = async (cid: CID) => {
      const bytes = await this.#read(cid)
      this.#way.push({ cid, bytes })
      return bytes
    }
    return resolveAny(this.#request.path, read, (name) => this.#node.resolveName(name, this.#signal))
  }

  async #raw(cid: CID, head: Head): Promise<Answer> {
    const etag = `"${cid}.raw"`
    if (matches(this.#request.ifNoneMatch, etag)) return notModified(etag)
    const bytes = await this.#read(cid)
    const headers = {
      ...head,
      ...this.#cached(etag),
      'content-type': 'application/vnd.ipld.raw',
      'content-length': String(bytes.length),
      'content-disposition': disposition('attachment', this.#request.filename ?? `${cid}.bin`),
    }
    return { status: 200, headers, body: bytes }
  }

  async #car({ cid, roots }: ResolvedPath, head: Head): Promise<Answer> {
    const { car, filename, ifNoneMatch } = this.#request
    const variant = createHash('sha256')
      .update(JSON.stringify([roots.map(String), car]))
      .digest('base64url')
      .slice(0, 16)
    const etag = `W/"${cid}.car.${variant}"`
    if (matches(ifNoneMatch, etag)) return notModified(etag)
    // Read here, so that what cannot be had is an answer of its own and no broken CAR.
    await this.#read(cid)
    const source = { read: (block: CID) => this.#read(block), idOf: (block: CID) => this.#node.idOf(block) }
    const headers = {
      ...head,
      ...this.#cached(etag),
      'content-type': `application/vnd.ipld.car; version=1; order=dfs; dups=${car.duplicates ? 'y' : 'n'}`,
      'content-disposition': disposition('attachment', filename ?? `${cid}.car`),
      'accept-ranges': 'none',
    }
    return { status: 200, headers, body: carStream({ root: cid, way: this.#way, parameters: car, source }) }
  }

  async #page(resolved: ResolvedPath, head: Head): Promise<Answer> {
    const { cid } = resolved
    const { path } = this.#request
    const entry = await this.#open(cid)
    switch (entry.type) {
      case 'file':
        return this.#file(cid, entry, path.segments.at(-1), head)
      case 'folder':
        return this.#folder(cid, entry, head)
      case 'symlink':
        throw new GatewayError(501, `the path leads to a symbolic link to ${JSON.stringify(entry.target)}`)
      case 'other':
        return this.#block(cid, head)
    }
  }

  async #file(
    cid: CID,
    file: UnixfsEntry & { type: 'file' },
    name: string | undefined,
    head: Head,
  ): Promise<Answer> {
    const { filename, download, range: asked, ifRange, ifNoneMatch } = this.#request
    const etag = `"${cid}"`
    if (matches(ifNoneMatch, etag)) return notModified(etag)
    const range = ifRange === undefined || ifRange === etag ? readRange(asked, file.size) : undefined
    const { start, end } = range ?? { start: 0, end: file.size }
    const headers: Head = {
      ...head,
      ...this.#cached(etag),
      'content-type': typeOfName(filename ?? name) ?? (await sniff(file)),
      'content-length': String(end - start),
      'accept-ranges': 'bytes',
    }
    if (range) headers['content-range'] = `bytes ${start}-${end - 1}/${file.size}`
    if (download || filename !== undefined) {
      headers['content-disposition'] = disposition(
        download ? 'attachment' : 'inline',
        filename ?? name ?? String(cid),
      )
    }
    return { status: range ? 206 : 200, headers, body: file.content({ start, end }) }
  }

  async #folder(cid: CID, folder: UnixfsEntry & { type: 'folder' }, head: Head): Promise<Answer> {
    const { pathname, path, ifNoneMatch } = this.#request
    if (!pathname.endsWith('/')) {
      return {
        status: 302,
        headers: { ...head, location: `${pathname}/`, 'cache-control': changing },
        body: undefined,
      }
    }
    const index = await this.#indexPage(cid)
    if (index !== undefined) return this.#file(index.cid, index.file, 'index.html', head)
    const etag = `W/"${cid}.listing-1"`
    if (matches(ifNoneMatch, etag)) return notModified(etag)
    const title = `/${[path.namespace, path.root, ...path.segments].join('/')}`
    const headers = {
      ...head,
      etag,
      'cache-control': path.namespace === 'ipfs' ? generated : changing,
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    }
    return { status: 200, headers, body: listing(title, path.segments.length > 0, folder.entries()) }
  }

  async #indexPage(folder: CID): Promise<{ cid: CID; file: UnixfsEntry & { type: 'file' } } | undefined> {
    try {
      const { cid } = await resolvePath(folder, ['index.html'], (block) => this.#read(block))
      const file = await this.#open(cid)
      return file.type === 'file' ? { cid, file } : undefined
    } catch (error) {
      if (error instanceof PathNotFoundError) return undefined
      throw error
    }
  }

  /** A block that is not UnixFS, as it is. */
  async #block(cid: CID, head: Head): Promise<Answer> {
    const etag = `"${cid}"`
    if (matches(this.#request.ifNoneMatch, etag)) return notModified(etag)
    const bytes = await this.#read(cid)
    const headers = {
      ...head,
      ...this.#cached(etag),
      'content-type': codecTypes[cid.code] ?? 'application/octet-stream',
      'content-length': String(bytes.length),
    }
    return { status: 200, headers, body: bytes }
  }

  #open(cid: CID): Promise<UnixfsEntry> {
    return openUnixfs(cid, { read: (block) => this.#read(block) })
  }

  async #read(cid: CID): Promise<Uint8Array> {
    if (this.#request.onlyIfCached && !this.#node.has(cid)) throw new GatewayError(412, `${cid} is not here`)
    using abort = new LinkedAbort(this.#signal)
    const timeout = new BlockTimeoutError(`block ${cid} did not come within ${blockTimeout / 1_000} s`)
    const timer = setTimeout(() => abort.abort(timeout), blockTimeout)
    try {
      return await this.#node.read(cid, abort.signal)
    } catch (error) {
      throw abort.signal.reason === timeout ? timeout : error
    } finally {
      clearTimeout(timer)
    }
  }

  #cached(etag: string): Head {
    return { etag, 'cache-control': this.#request.path.namespace === 'ipfs' ? immutable : changing }
  }
}

async function sniff(file: UnixfsEntry & { type: 'file' }): Promise<string> {
  const chunks: Uint8Array[] = []
  const end = Math.min(sniffLength, file.size)
  for await (const chunk of file.content({ start: 0, end })) chunks.push(chunk)
  return typeOfBytes(Buffer.concat(chunks))
}

function notModified(etag: string): Answer {
  return { status: 304, headers: { etag }, body: undefined }
}

/** RFC 6266: the name in ASCII, and in full. */
function disposition(kind: 'inline' | 'attachment', name: string): string {
  const ascii = name.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const full = encodeURIComponent(name).replace(/['()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16)}`)
  return `${kind}; filename="${ascii}"; filename*=UTF-8''${full}`
}
