/**
 * HTTP to the RPC API of Kubo, over TCP, TLS or a unix socket. Connections are kept open between calls; how many there
 * are is bounded by the callers. `node:http` and not `fetch`: Kubo tells errors of a streamed answer in a trailer.
 */
import http from 'node:http'
import https from 'node:https'
import type { Endpoint } from '../../runtime/endpoint.ts'

export interface RpcBody {
  contentType: string
  chunks: Uint8Array[]
}

/** Idle connections kept open. */
const maxIdleConnections = 32

export class Transport {
  readonly #agent: http.Agent
  readonly #request: typeof http.request
  readonly #target: http.RequestOptions

  constructor(endpoint: Endpoint) {
    const tls = endpoint.kind === 'tcp' && endpoint.tls
    const options = { keepAlive: true, maxFreeSockets: maxIdleConnections }
    this.#agent = tls ? new https.Agent(options) : new http.Agent(options)
    this.#request = tls ? https.request : http.request
    this.#target = targetOf(endpoint)
  }

  /** Resolves when the head of the answer is there. Rejects as Node does; `signal` ends it at any stage. */
  post(path: string, body: RpcBody | undefined, signal: AbortSignal): Promise<http.IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>()
    const length = body?.chunks.reduce((sum, chunk) => sum + chunk.length, 0) ?? 0
    const headers = { 'Content-Length': length, ...(body && { 'Content-Type': body.contentType }) }
    const request = this.#request({
      ...this.#target,
      agent: this.#agent,
      method: 'POST',
      path: `/api/v0/${path}`,
      headers,
      signal,
    })
    request.on('response', resolve)
    // Also after the answer began: Kubo may refuse and hang up before it has read the whole body.
    request.on('error', reject)
    for (const chunk of body?.chunks ?? []) request.write(chunk)
    request.end()
    return promise
  }

  close(): void {
    this.#agent.destroy()
  }
}

function targetOf(endpoint: Endpoint): http.RequestOptions {
  if (endpoint.kind === 'unix') return { socketPath: endpoint.path }
  const { host, port, name } = endpoint
  if (name === 'dns4') return { host, port, family: 4 }
  if (name === 'dns6') return { host, port, family: 6 }
  return { host, port }
}
