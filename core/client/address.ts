/** Addresses of an API: multiaddrs as the original takes them, and URLs. */
import { authorityOf, parseEndpoint } from '../runtime/endpoint.ts'
import { ApiAddressError } from './errors.ts'
import { unescaped } from './pin-path.ts'

/** The default listener of a peer (`spec/rest-api.md §1`). */
export const defaultApiAddress = '/ip4/127.0.0.1/tcp/9094'

/** Where requests go. */
export interface ApiAddress {
  /** As it was given, for messages. */
  text: string
  tls: boolean
  /** `host` and `port`, or a unix socket. */
  to: { host: string; port: number } | { socketPath: string }
  /** What the Host header says. */
  authority: string
  /** From the user part of a URL. */
  credentials?: { user: string; password: string }
}

/** Reads a multiaddr, `http(s)://host:port` or `unix:///path`. `tls` asks for TLS where the text leaves it open. */
export function parseApiAddress(text: string, tls = false): ApiAddress {
  const trimmed = text.trim()
  if (/\/(p2p|ipfs)\/|^\/dnsaddr\//.test(trimmed)) {
    throw new ApiAddressError(
      `${trimmed}: an API cannot be reached over libp2p by this program; give its TCP address, such as ${defaultApiAddress}`,
    )
  }
  const address = trimmed.startsWith('/') ? fromMultiaddr(trimmed, tls) : fromUrl(trimmed)
  if (address !== undefined) return address
  throw new ApiAddressError(
    `${JSON.stringify(trimmed)} is not an address of an API; write a multiaddr such as ${defaultApiAddress} or ` +
      '/unix//run/cluster.sock, or an address such as http://127.0.0.1:9094',
  )
}

function fromMultiaddr(text: string, tls: boolean): ApiAddress | undefined {
  const endpoint = parseEndpoint(text)
  if (endpoint === undefined) return undefined
  if (endpoint.kind === 'unix') {
    return { text, tls: false, to: { socketPath: endpoint.path }, authority: 'localhost' }
  }
  return {
    text,
    tls: tls || endpoint.tls,
    to: { host: reachable(endpoint.host), port: endpoint.port },
    authority: authorityOf(endpoint),
  }
}

function fromUrl(text: string): ApiAddress | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  if (url.protocol === 'unix:') {
    return { text, tls: false, to: { socketPath: unescaped(url.pathname) }, authority: 'localhost' }
  }
  if (!/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '') return undefined
  const tls = url.protocol === 'https:'
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const address: ApiAddress = {
    text: `${url.protocol}//${url.host}`,
    tls,
    to: { host: reachable(host), port: Number(url.port || (tls ? 443 : 80)) },
    authority: url.host,
  }
  if (url.username === '') return address
  const [user, password] = [unescaped(url.username), unescaped(url.password)]
  return { ...address, credentials: { user, password } }
}

/** A listener on every interface is reached on loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}
