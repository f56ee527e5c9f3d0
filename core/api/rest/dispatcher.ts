/**
 * What happens to a request, in the order of `spec/rest-api.md` §1.1: access log, authentication, CORS, redirects, router,
 * handler. Before all of it, whether a web page sent it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TrieRouter } from 'hono/router/trie-router'
import { messageOf } from '../../error-text.ts'
import type { Logger, Runtime, Timer } from '../../runtime/ports.ts'
import type { Authenticator } from '../authentication.ts'
import type { BrowserGuard } from '../browser-guard.ts'
import type { AccessLog } from './access-log.ts'
import type { Route } from './call.ts'
import type { Cors } from './cors.ts'
import { statusOf } from './errors.ts'
import { type Redirect, redirectOf } from './redirect.ts'
import { Reply } from './reply.ts'
import { readLimit } from './row-writer.ts'

/** Requests at once; more are answered 503. */
const maxRequests = 1024
/** Handlers at once, those included whose clients have gone: more are answered 503 too. */
const maxUnended = 4096

export interface DispatcherInit {
  routes: Route[]
  cors: Cors
  guard: BrowserGuard
  authenticator: Authenticator | undefined
  accessLog: AccessLog
  /** Added to every answer of a handler. */
  headers: Record<string, string[]>
  /** Milliseconds that an answer may take; 0 = any. */
  writeTimeout: number
  runtime: Runtime
}

interface Exchange {
  incoming: IncomingMessage
  outgoing: ServerResponse
  reply: Reply
  path: string
  search: string
  signal: AbortSignal
}

export class Dispatcher {
  readonly #init: DispatcherInit
  readonly #logger: Logger
  readonly #router = new TrieRouter<Route>()
  readonly #methods: string[]
  readonly #running = new Map<AbortController, Promise<void>>()
  /** Requests whose clients still wait. A handler that ends late after its client has gone is in `#running` only. */
  #open = 0

  constructor(init: DispatcherInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('restapi')
    for (const route of init.routes) this.#router.add(route.method, route.path, route)
    this.#methods = [...new Set(init.routes.map(({ method }) => method))]
  }

  readonly handle = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    const closing = new AbortController()
    const { path, search } = splitTarget(incoming.url ?? '/')
    const reply = new Reply(outgoing, this.#init.headers, this.#init.runtime.scheduler)
    this.#open++
    const closed = this.#follow(incoming, outgoing, reply, closing)
    const run = this.#answer({ incoming, outgoing, reply, path, search, signal: closing.signal })
      .catch((error: unknown) => this.#fail(reply, incoming.socket, error))
      .then(() => this.#closedInTime(closed, incoming.socket))
      .finally(() => this.#running.delete(closing))
    this.#running.set(closing, run)
  }

  /** An answer that is complete has to be read: a client that does not is sent away. */
  async #closedInTime(closed: Promise<void>, socket: Socket): Promise<void> {
    const timer = this.#init.runtime.scheduler.after(readLimit, () => socket.destroy())
    await closed
    timer.cancel()
  }

  /** Resolves when no request is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#running.values())
  }

  /** Cancels what is under way. */
  abort(reason: Error): void {
    for (const closing of this.#running.keys()) closing.abort(reason)
  }

  /** Resolves when the answer is out or the client gone, which ends the work for it. */
  #follow(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    reply: Reply,
    closing: AbortController,
  ): Promise<void> {
    const host = incoming.socket.remoteAddress ?? ''
    const { writeTimeout, runtime, accessLog } = this.#init
    const timer: Timer | undefined =
      writeTimeout > 0 ? runtime.scheduler.after(writeTimeout, () => incoming.socket.destroy()) : undefined
    return new Promise((resolve) => {
      outgoing.once('close', () => {
        timer?.cancel()
        this.#open--
        if (!outgoing.writableFinished) closing.abort(new Error('the client is gone'))
        accessLog.write({ incoming, host, status: outgoing.statusCode, bytes: reply.bytes })
        resolve()
      })
    })
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { incoming, outgoing, reply, path, search } = exchange
    const refusal = this.#init.guard.refusal(incoming)
    if (refusal !== undefined) return reply.error(refusal.status, refusal.message)
    const admission = this.#admit(exchange)
    if (admission === 'refused') return
    if (this.#init.cors.apply(incoming, outgoing)) return reply.bare(204)
    const redirect = redirectOf(path, search)
    if (redirect) return sendRedirect(exchange, redirect)
    // An answer to HEAD is that to GET; `Reply` leaves its body out.
    const method = incoming.method === 'HEAD' ? 'GET' : (incoming.method ?? '')
    const [matches] = this.#router.match(method, path)
    const match = matches[0]
    if (!match) return this.#refuseRoute(exchange)
    if ((this.#open > maxRequests || this.#running.size > maxUnended) && path !== '/health') {
      reply.setHeader('Retry-After', '1')
      return reply.error(503, `more than ${maxRequests} requests are under way: try again later`)
    }
    const [route, parameters] = match as [Route, Record<string, string>]
    const decoded = decodeParameters(parameters)
    if (!decoded) return reply.error(400, 'the path has an escape that is not UTF-8')
    await route.handle({
      incoming,
      parameters: decoded,
      query: new URLSearchParams(search),
      signal: exchange.signal,
      user: admission.user,
      reply,
    })
  }

  #admit({ incoming, reply, path }: Exchange): 'refused' | { user: string | undefined } {
    const { authenticator } = this.#init
    const { method, headers } = incoming
    const isOpen = method === 'OPTIONS' || ((method === 'GET' || method === 'HEAD') && path === '/health')
    if (!authenticator || isOpen) return { user: undefined }
    const admission = authenticator.admit(headers.authorization)
    if ('user' in admission) return admission
    reply.setHeader('WWW-Authenticate', admission.challenges)
    reply.error(401, admission.message)
    return 'refused'
  }

  /** 405 on a path that takes other methods, 404 on others. */
  #refuseRoute({ path, reply }: Exchange): void {
    const taken = this.#methods.filter((method) => this.#router.match(method, path)[0].length > 0)
    if (taken.length === 0) {
      reply.error(404, 'not found')
    } else {
      const allowed = taken.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]))
      reply.setHeader('Allow', allowed.join(', '))
      reply.bare(405)
    }
  }

  #fail(reply: Reply, socket: Socket, error: unknown): void {
    if (socket.destroyed) return
    const status = statusOf(error)
    this.#logger.warn('request failed', { status, error: messageOf(error) })
    if (reply.hasBegun) socket.destroy()
    else reply.fail(error)
  }
}

/** The path and the query of a request target, both still escaped. */
function splitTarget(target: string): { path: string; search: string } {
  const local = target.startsWith('/') ? target : target.replace(/^[a-z]+:\/\/[^/?]*/i, '')
  const mark = local.indexOf('?')
  return mark < 0 ? { path: local, search: '' } : { path: local.slice(0, mark), search: local.slice(mark) }
}

/** With a body only where a browser may show it. */
function sendRedirect({ incoming, outgoing, reply }: Exchange, { status, location }: Redirect): void {
  const hasBody = status === 307 && (incoming.method === 'GET' || incoming.method === 'HEAD')
  const href = location.replaceAll('&', '&amp;').replaceAll('"', '&#34;').replaceAll('<', '&lt;')
  outgoing.setHeader('Location', location)
  if (hasBody) outgoing.setHeader('Content-Type', 'text/html; charset=utf-8')
  reply.bare(status, hasBody ? `<a href="${href}">Temporary Redirect</a>.\n\n` : '')
}

function decodeParameters(parameters: Record<string, string>): Record<string, string> | undefined {
  try {
    return Object.fromEntries(
      Object.entries(parameters).map(([name, value]) => [name, decodeURIComponent(value)]),
    )
  } catch {
    return undefined
  }
}
