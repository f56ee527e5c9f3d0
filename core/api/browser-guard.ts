/**
 * Keeps web pages away from an API: a page of another origin that the user of a machine has open may neither read the
 * pinset nor change it. Browsers say where a request comes from (`Origin`, `Sec-Fetch-Site`) and which name they looked
 * up (`Host`). Clients that are no browsers send no `Origin`, and notice nothing.
 */
import type { IncomingMessage } from 'node:http'

export interface BrowserGuardInit {
  /** `*`, whole origins, or origins with one `*` in them. `*` alone lets every page read, and none of them write. */
  allowedOrigins: readonly string[]
  /** Names that this machine is known by, besides addresses, `localhost`, and names that no public domain can have. */
  hostNames: readonly string[]
  /** With credentials a page that reaches the API by a name of its own (DNS rebinding) is refused for lack of them. */
  hasCredentials: boolean
}

export interface GuardRefusal {
  status: 400 | 403
  message: string
}

const advice = 'allow it with api.restapi.cors_allowed_origins'

export class BrowserGuard {
  readonly #init: BrowserGuardInit
  readonly #hostNames: ReadonlySet<string>

  constructor(init: BrowserGuardInit) {
    this.#init = init
    const named = init.allowedOrigins.flatMap((origin) => hostOfOrigin(origin) ?? [])
    this.#hostNames = new Set([...init.hostNames, ...named].map((name) => name.toLowerCase()))
  }

  /** Undefined when the request may go on. */
  refusal(incoming: IncomingMessage): GuardRefusal | undefined {
    const hosts = incoming.rawHeaders.filter(
      (text, index) => index % 2 === 0 && text.toLowerCase() === 'host',
    )
    if (hosts.length > 1) return { status: 400, message: 'the request has more than one Host header' }
    const { host = '', origin } = incoming.headers
    // Browsers do not reach unix sockets, which have no address.
    const isTcp = incoming.socket.remoteAddress !== undefined
    if (isTcp && !this.#init.hasCredentials && !this.#isOwnName(nameOfHost(host))) {
      return {
        status: 403,
        message: `this peer is not known as ${shown(host)}: ask it by its address, or ${advice}`,
      }
    }
    // A preflight does nothing: its answer says what the browser may ask for.
    if (incoming.method === 'OPTIONS') return undefined
    const isRead = incoming.method === 'GET' || incoming.method === 'HEAD'
    if (
      origin !== undefined ? this.#admitsOrigin(origin, host, isRead) : this.#admitsSite(incoming, isRead)
    ) {
      return undefined
    }
    const page = origin === undefined ? 'another web page' : `web pages of ${shown(origin)}`
    return { status: 403, message: `requests from ${page} are refused: ${advice}` }
  }

  #admitsOrigin(origin: string, host: string, isRead: boolean): boolean {
    const wanted = origin.toLowerCase()
    if (host !== '' && [`http://${host}`, `https://${host}`].includes(wanted)) return true
    return this.#init.allowedOrigins.some((pattern) =>
      pattern === '*' ? isRead : matchesOrigin(pattern.toLowerCase(), wanted),
    )
  }

  /** For requests without an origin: images, scripts, links. Following a link shows the answer to the user alone. */
  #admitsSite({ headers }: IncomingMessage, isRead: boolean): boolean {
    const site = headers['sec-fetch-site']
    if (site !== 'cross-site' && site !== 'same-site') return true
    return isRead && (headers['sec-fetch-mode'] === 'navigate' || this.#init.allowedOrigins.includes('*'))
  }

  #isOwnName(name: string): boolean {
    return name === '' || isPrivateName(name) || this.#hostNames.has(name)
  }
}

/** `pattern` may have one `*`; both in small letters. */
export function matchesOrigin(pattern: string, origin: string): boolean {
  const star = pattern.indexOf('*')
  if (star < 0) return pattern === origin
  const [head, tail] = [pattern.slice(0, star), pattern.slice(star + 1)]
  return origin.length >= head.length + tail.length && origin.startsWith(head) && origin.endsWith(tail)
}

/** Addresses, and names that nobody can register: of one label, or below a suffix that is reserved for private use. */
function isPrivateName(name: string): boolean {
  if (name.startsWith('[') || /^\d{1,3}(\.\d{1,3}){3}$/.test(name)) return true
  return !name.includes('.') || /\.(localhost|local|internal|home\.arpa|test)$/.test(name)
}

/** Without the port and the dot at the end, in small letters. */
function nameOfHost(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}

function hostOfOrigin(origin: string): string | undefined {
  const [, host] = origin.match(/^https?:\/\/([^/*]+)$/i) ?? []
  return host === undefined ? undefined : nameOfHost(host)
}

function shown(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
