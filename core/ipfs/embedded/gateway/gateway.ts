/**
 * The read-only HTTP gateway of the embedded node: files, folders, documents, blocks, CARs, TARs and records under
 * `/ipfs/<cid>/<path>` and `/ipns/<name>/<path>` (https://specs.ipfs.tech/http-gateways/). It writes nothing and gives what the node can get.
 */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { authorityOf, parseEndpoint } from '../../../runtime/endpoint.ts'
import { openAll } from '../../../runtime/open-all.ts'
import type { Logger } from '../../../runtime/ports.ts'
import { AddressError, ListenError } from '../errors.ts'
import type { Answer } from './answer.ts'
import { corsHeaders, methods } from './cors.ts'
import { asGatewayError, GatewayError } from './errors.ts'
import { answerTo } from './gateway-answer.ts'
import type { GatewayNode } from './gateway-node.ts'

export interface Gateway extends AsyncDisposable {
  /** `http://<host>:<port>` of each listener. */
  readonly urls: string[]
}

/** Connections at the same time, for each address. */
const maxConnections = 1_024
/** ms that the head of a request may take, and that a connection may do nothing. */
const headersTimeout = 10_000
const keepAliveTimeout = 30_000
const setting = 'gateway_listen_multiaddress'
const errorHeaders = {
  'content-type': 'text/plain; charset=utf-8',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
}

/** Resolves when it listens. Rejects with `AddressError` or `ListenError`. */
export async function startGateway(
  addresses: readonly string[],
  node: GatewayNode,
  logger: Logger,
): Promise<Gateway> {
  await using servers = new AsyncDisposableStack()
  // Its own Response in place of the global one would not be taken by the rest of the program.
  const handle = getRequestListener(makeApp(node, logger).fetch, { overrideGlobalObjects: false })
  const urls: string[] = []
  await openAll({
    addresses,
    open: async (address) => {
      const server = createServer({ headersTimeout, keepAliveTimeout }, handle)
      server.maxConnections = maxConnections
      urls.push(await listen(server, address))
      servers.defer(() => close(server))
    },
    skipped: (some) =>
      logger.warn('this machine has no IPv6: the gateway is not listened for there', {
        addresses: some.join(', '),
      }),
  })
  const owned = servers.move()
  return { urls, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function makeApp(node: GatewayNode, logger: Logger): Hono<{ Bindings: HttpBindings }> {
  const app = new Hono<{ Bindings: HttpBindings }>()
  app.options('*', () => new Response(null, { headers: { ...corsHeaders, allow: methods } }))
  app.on(['GET', 'HEAD'], ['/ipfs/*', '/ipns/*'], async ({ req, env }) => {
    using gone = new ClientGone(env.outgoing)
    const answer = await answerTo(new URL(req.url), req.raw.headers, node, gone.signal)
    await send(answer, env.outgoing, req.method === 'HEAD').catch((error) => {
      if (!gone.signal.aborted)
        logger.debug('a gateway answer broke off', { path: req.path, error: String(error) })
      // Cut off, so that nobody takes what was sent for the whole.
      env.outgoing.destroy()
    })
    return RESPONSE_ALREADY_SENT
  })
  app.all('*', ({ req }) => {
    if (req.method === 'GET' || req.method === 'HEAD') {
      throw new GatewayError(404, 'the gateway has /ipfs/<cid>/<path> and /ipns/<name>/<path>')
    }
    throw new GatewayError(405, 'the gateway only reads', { allow: methods })
  })
  app.onError((error, { req }) => {
    const { status, message, headers } = asGatewayError(error)
    logger.debug('a gateway request failed', { path: req.path, status, error: message })
    return new Response(req.method === 'HEAD' ? null : `${message}\n`, {
      status,
      headers: { ...corsHeaders, ...errorHeaders, ...headers },
    })
  })
  return app
}

/** Asks for the next piece only when the client has taken those before it. */
async function send({ status, headers, body }: Answer, outgoing: Outgoing, headOnly: boolean): Promise<void> {
  outgoing.writeHead(status, { ...corsHeaders, ...headers })
  if (headOnly || body === undefined || body instanceof Uint8Array) {
    outgoing.end(headOnly ? undefined : body)
    return
  }
  for await (const piece of body) {
    if (outgoing.destroyed) return
    if (!outgoing.write(piece)) await drained(outgoing)
  }
  outgoing.end()
}

type Outgoing = HttpBindings['outgoing']

/** Resolves when there is room again, or nobody to send to. */
function drained(outgoing: Outgoing): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  outgoing.once('drain', resolve).once('close', resolve)
  return promise.finally(() => outgoing.off('drain', resolve).off('close', resolve))
}

class ClientGone implements Disposable {
  readonly #outgoing: Outgoing
  readonly #abort = new AbortController()
  readonly #closed = () => this.#abort.abort(new Error('the client has gone'))

  constructor(outgoing: Outgoing) {
    this.#outgoing = outgoing
    outgoing.once('close', this.#closed)
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  [Symbol.dispose](): void {
    this.#outgoing.off('close', this.#closed)
  }
}

/** Resolves with the URL. */
async function listen(server: Server, address: string): Promise<string> {
  const endpoint = parseEndpoint(address)
  if (endpoint?.kind !== 'tcp' || endpoint.tls) {
    throw new AddressError(
      address,
      setting,
      'is nowhere to listen at; write one such as /ip4/127.0.0.1/tcp/9098',
    )
  }
  try {
    server.listen(endpoint.port, endpoint.host)
    await once(server, 'listening')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new ListenError(address, setting, code === 'EADDRINUSE' ? 'the port is in use' : message, {
      cause: error,
    })
  }
  const { port } = server.address() as AddressInfo
  return `http://${authorityOf({ host: endpoint.host, port })}`
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
