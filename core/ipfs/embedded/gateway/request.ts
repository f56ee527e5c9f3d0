/**
 * What a request to the gateway asks for (https://specs.ipfs.tech/http-gateways/path-gateway/ and …/trustless-gateway/).
 */

import { type PathRoot, parsePath } from '../dag/path.ts'
import { GatewayError } from './errors.ts'

export type GatewayFormat = 'page' | 'raw' | 'car'

export interface GatewayRequest {
  /** As it was requested, percent-encoded. */
  pathname: string
  path: PathRoot
  format: GatewayFormat
  car: CarParameters
  /** Name for the browser to save under. */
  filename: string | undefined
  download: boolean
  /** Answer only what is here. */
  onlyIfCached: boolean
  ifNoneMatch: string | undefined
  ifRange: string | undefined
  range: string | undefined
}

export interface CarParameters {
  scope: 'all' | 'entity' | 'block'
  /** Inclusive; negative ones count from the end of the file, `*` is the end. */
  bytes: { from: number; to: number | '*' } | undefined
  /** Blocks that are linked to again are sent again. */
  duplicates: boolean
}

const formatNames = 'raw and car'

/** Throws `GatewayError`, or `PathError` when the path is none. */
export function readRequest(url: URL, headers: Headers): GatewayRequest {
  const query = url.searchParams
  const { format, car } = negotiate(query, headers.get('accept') ?? '')
  return {
    pathname: url.pathname,
    path: readPath(url.pathname),
    format,
    car,
    filename: query.get('filename') || undefined,
    download: query.get('download') === 'true',
    onlyIfCached: /(^|,)\s*only-if-cached\b/i.test(headers.get('cache-control') ?? ''),
    ifNoneMatch: headers.get('if-none-match') ?? undefined,
    ifRange: headers.get('if-range') ?? undefined,
    range: headers.get('range') ?? undefined,
  }
}

/** The bytes that a `Range` header asks for; undefined when it asks for all, or in a way that may be ignored. */
export function readRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | undefined {
  const match = /^bytes=(\d{0,16})-(\d{0,16})$/.exec(header?.trim() ?? '')
  if (match === null || (match[1] === '' && match[2] === '')) return undefined
  const [first, last] = [match[1]!, match[2]!]
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1)
  if (last !== '' && first !== '' && Number(last) < start) return undefined
  if (start >= size || start >= end) {
    throw new GatewayError(416, `the file has ${size} bytes`, { 'content-range': `bytes */${size}` })
  }
  return { start, end }
}

/** Whether `If-None-Match` names this ETag. */
export function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  const opaque = (tag: string) => tag.trim().replace(/^W\//, '')
  return header.trim() === '*' || header.split(',').some((tag) => opaque(tag) === opaque(etag))
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

function negotiate(query: URLSearchParams, accept: string): Pick<GatewayRequest, 'format' | 'car'> {
  const named = query.get('format') ?? ''
  const wanted = accept.toLowerCase().split(',').map(readMediaType)
  const carType = wanted.find(({ type }) => type === 'application/vnd.ipld.car')
  const rawType = wanted.find(({ type }) => type === 'application/vnd.ipld.raw')
  const car = readCarParameters(query, carType?.parameters ?? new Map())
  if (named === 'raw' || named === 'car') return { format: named, car }
  if (named !== '') {
    throw new GatewayError(406, `format=${named.slice(0, 40)} is not offered: the gateway has ${formatNames}`)
  }
  const refused = wanted.find(({ type }) => /^application\/(vnd\.ipfs\.ipns-record|x-tar)$/.test(type))
  if (refused !== undefined) {
    throw new GatewayError(406, `${refused.type} is not offered: the gateway has ${formatNames}`)
  }
  return { format: rawType ? 'raw' : carType ? 'car' : 'page', car }
}

function readMediaType(text: string): { type: string; parameters: Map<string, string> } {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim())
  return { type, parameters: new Map(parameters.map((each) => each.split('=', 2) as [string, string])) }
}

function readCarParameters(query: URLSearchParams, accepted: Map<string, string>): CarParameters {
  const parameter = (name: string) => query.get(`car-${name}`) ?? accepted.get(name)
  const version = parameter('version') ?? '1'
  if (version !== '1') throw new GatewayError(406, `CAR version ${version} is not offered: only 1 is`)
  const scope = query.get('dag-scope') ?? 'all'
  if (scope !== 'all' && scope !== 'entity' && scope !== 'block') {
    throw new GatewayError(400, 'dag-scope must be all, entity or block')
  }
  return { scope, bytes: readEntityBytes(query.get('entity-bytes')), duplicates: parameter('dups') === 'y' }
}

function readEntityBytes(text: string | null): CarParameters['bytes'] {
  if (text === null) return undefined
  const match = /^(-?\d{1,16}):(-?\d{1,16}|\*)$/.exec(text)
  if (match === null) throw new GatewayError(400, 'entity-bytes must be from:to, such as 0:1023 or -100:*')
  return { from: Number(match[1]), to: match[2] === '*' ? '*' : Number(match[2]) }
}
