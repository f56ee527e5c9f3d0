/**
 * The format that a request asks for, by `?format=` or else by `Accept`
 * (https://specs.ipfs.tech/http-gateways/path-gateway/).
 */
import { GatewayError } from './errors.ts'

/** What has a name in `?format=`, and its media type. */
export const mediaTypes = {
  raw: 'application/vnd.ipld.raw',
  car: 'application/vnd.ipld.car',
  tar: 'application/x-tar',
  json: 'application/json',
  cbor: 'application/cbor',
  'dag-json': 'application/vnd.ipld.dag-json',
  'dag-cbor': 'application/vnd.ipld.dag-cbor',
  'ipns-record': 'application/vnd.ipfs.ipns-record',
} as const

export type NamedFormat = keyof typeof mediaTypes
/** `page`: files as they are, folders as HTML. */
export type GatewayFormat = NamedFormat | 'page'

export interface Negotiated {
  format: GatewayFormat
  /** Of the media type in `Accept` that names the same format. */
  parameters: ReadonlyMap<string, string>
  /** Only `Accept` names the format, so that the address alone does not say it. */
  byAccept: boolean
  acceptsHtml: boolean
}

const formats = Object.keys(mediaTypes) as NamedFormat[]
const ofGateways = /^application\/(vnd\.ipld\.|vnd\.ipfs\.)/

/** Throws `GatewayError` (406) at a format that the gateway does not have. */
export function negotiate(query: URLSearchParams, accept: string): Negotiated {
  const wanted = accept.toLowerCase().split(',').map(readMediaType)
  const acceptsHtml = wanted.some(({ type }) => type === 'text/html')
  const named = query.get('format') ?? ''
  if (named !== '') {
    const format = formats.find((each) => each === named)
    if (format === undefined) throw notOffered(`format=${named.slice(0, 40)}`)
    const same = wanted.find(({ type }) => type === mediaTypes[format])
    return { format, parameters: same?.parameters ?? new Map(), byAccept: false, acceptsHtml }
  }
  for (const { type, parameters } of wanted) {
    const format = formats.find((each) => mediaTypes[each] === type)
    if (format !== undefined) return { format, parameters, byAccept: true, acceptsHtml }
  }
  const unknown = wanted.find(({ type }) => ofGateways.test(type))
  if (unknown !== undefined) throw notOffered(unknown.type.slice(0, 80))
  return { format: 'page', parameters: new Map(), byAccept: false, acceptsHtml }
}

/** The query with the format in it, for `Content-Location`. */
export function queryOf(query: URLSearchParams, { format, parameters }: Negotiated): string {
  const full = new URLSearchParams(query)
  full.set('format', format)
  for (const [name, value] of parameters) {
    if (!full.has(`${format}-${name}`)) full.set(`${format}-${name}`, value)
  }
  full.sort()
  return full.toString()
}

function notOffered(what: string): GatewayError {
  return new GatewayError(406, `${what} is not offered: the gateway has ${formats.join(', ')}`)
}

function readMediaType(text: string): { type: string; parameters: Map<string, string> } {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim())
  const parameters = new Map<string, string>()
  for (const each of rest) {
    const [name = '', value = ''] = each.split('=', 2)
    // `q` says how much it is wanted, not what.
    if (/^[\w-]{1,40}$/.test(name) && name !== 'q') parameters.set(name, value.replace(/^"|"$/g, ''))
  }
  return { type, parameters }
}
