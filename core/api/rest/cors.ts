/** Which pages of other origins may use the API from a browser, with the meaning of rs/cors (`spec/rest-api.md` §4). */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { matchesOrigin } from '../browser-guard.ts'

export interface CorsSettings {
  /** `*`, whole origins, or origins with one `*` in them. */
  corsAllowedOrigins: string[]
  /** None = GET, POST, HEAD. */
  corsAllowedMethods: string[]
  /** `*` or names; none = accept, content-type, x-requested-with. */
  corsAllowedHeaders: string[]
  corsExposedHeaders: string[]
  corsAllowCredentials: boolean
  /** Milliseconds that a browser may remember the answer of a preflight; 0 = not said. */
  corsMaxAge: number
}

export class Cors {
  readonly #settings: CorsSettings
  readonly #allOrigins: boolean
  readonly #methods: Set<string>
  readonly #headers: Set<string>

  constructor(settings: CorsSettings) {
    const { corsAllowedOrigins: origins, corsAllowedMethods: methods, corsAllowedHeaders: headers } = settings
    this.#settings = settings
    this.#allOrigins = origins.includes('*')
    const orDefault = (given: string[], initial: string[]) => (given.length > 0 ? given : initial)
    const allowed = orDefault(methods, ['GET', 'POST', 'HEAD']).map((each) => each.toUpperCase())
    this.#methods = new Set([...allowed, 'OPTIONS'])
    const names = orDefault(headers, ['accept', 'content-type', 'x-requested-with'])
    this.#headers = new Set(['origin', ...names.map((each) => each.toLowerCase())])
  }

  /** Sets the headers of the answer. True when it was a preflight, whose answer is complete with them. */
  apply(incoming: IncomingMessage, outgoing: ServerResponse): boolean {
    const method = incoming.headers['access-control-request-method']
    if (incoming.method === 'OPTIONS' && method) {
      outgoing.setHeader('Vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers')
      this.#answerPreflight(incoming, outgoing, method)
      return true
    }
    outgoing.setHeader('Vary', 'Origin')
    if (this.#allows(incoming.headers.origin, incoming.method ?? '')) {
      this.#admit(incoming, outgoing)
      const exposed = this.#settings.corsExposedHeaders
      if (exposed.length > 0) outgoing.setHeader('Access-Control-Expose-Headers', exposed.join(', '))
    }
    return false
  }

  #answerPreflight(incoming: IncomingMessage, outgoing: ServerResponse, method: string): void {
    const asked = incoming.headers['access-control-request-headers'] ?? ''
    if (!this.#allows(incoming.headers.origin, method) || !this.#allowsHeaders(asked)) return
    this.#admit(incoming, outgoing)
    outgoing.setHeader('Access-Control-Allow-Methods', method)
    if (asked !== '') outgoing.setHeader('Access-Control-Allow-Headers', asked)
    const seconds = Math.trunc(this.#settings.corsMaxAge / 1000)
    if (seconds > 0) outgoing.setHeader('Access-Control-Max-Age', seconds)
  }

  #admit(incoming: IncomingMessage, outgoing: ServerResponse): void {
    outgoing.setHeader('Access-Control-Allow-Origin', this.#allOrigins ? '*' : incoming.headers.origin!)
    if (this.#settings.corsAllowCredentials) outgoing.setHeader('Access-Control-Allow-Credentials', 'true')
  }

  #allows(origin: string | undefined, method: string): boolean {
    if (!origin || !this.#methods.has(method)) return false
    const wanted = origin.toLowerCase()
    return (
      this.#allOrigins ||
      this.#settings.corsAllowedOrigins.some((each) => matchesOrigin(each.toLowerCase(), wanted))
    )
  }

  #allowsHeaders(asked: string): boolean {
    if (this.#headers.has('*')) return true
    const names = asked.split(',').map((name) => name.trim().toLowerCase())
    return names.every((name) => name === '' || this.#headers.has(name))
  }
}
