/**
 * HTTP to the RPC API of Kubo, over TCP, TLS or a unix socket. Connections are kept open between calls; how many there
 * are is bounded by the callers. Neither `fetch`, which hides the trailer in which Kubo tells errors of a streamed answer,
 * nor `node:http`, which takes several times the processor time for a small call.
 */
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { authorityOf, type Endpoint } from '../../runtime/endpoint.ts'
import { Connection, type RpcResponse, StaleConnectionError } from './connection.ts'

export interface RpcBody {
  contentType: string
  chunks: Uint8Array[]
}

/** Idle connections kept open. */
const maxIdleConnections = 32

export class Transport {
  readonly #endpoint: Endpoint
  readonly #host: string
  /** A line of the head. */
  readonly #authorization: string
  readonly #idle = new Set<Connection>()

  constructor(endpoint: Endpoint, authorization?: string) {
    this.#endpoint = endpoint
    this.#authorization = authorization === undefined ? '' : `Authorization: ${authorization}\r\n`
    this.#host = endpoint.kind === 'unix' ? 'localhost' : authorityOf(endpoint)
  }

  /**
   * Resolves when the head of the answer is there; `signal` ends the call at any stage, also later. Rejects with
   * `HttpSyntaxError`, the error of the socket, or the reason of `signal`.
   */
  async post(path: string, body: RpcBody | undefined, signal: AbortSignal): Promise<RpcResponse> {
    signal.throwIfAborted()
    const chunks = body?.chunks ?? []
    const head = this.#head(path, body)
    const [kept] = this.#idle
    if (kept !== undefined) {
      this.#idle.delete(kept)
      try {
        return await kept.post(head, chunks, signal)
      } catch (error) {
        // Kubo closed it just then and read nothing of the request, as far as can be known; all that is asked of it may
        // be asked twice.
        if (!(error instanceof StaleConnectionError)) throw error
      }
    }
    signal.throwIfAborted()
    return this.#connect().post(head, chunks, signal)
  }

  close(): void {
    for (const connection of this.#idle) connection.destroy()
  }

  #head(path: string, body: RpcBody | undefined): string {
    const length = body?.chunks.reduce((sum, chunk) => sum + chunk.length, 0) ?? 0
    const type = body === undefined ? '' : `Content-Type: ${body.contentType}\r\n`
    const fixed = `Host: ${this.#host}\r\n${this.#authorization}`
    return `POST /api/v0/${path} HTTP/1.1\r\n${fixed}${type}Content-Length: ${length}\r\n\r\n`
  }

  #connect(): Connection {
    const connection = new Connection(openSocket(this.#endpoint), (isUsable) => {
      this.#idle.delete(connection)
      if (!isUsable) return
      if (this.#idle.size < maxIdleConnections) this.#idle.add(connection)
      else connection.destroy()
    })
    return connection
  }
}

function openSocket(endpoint: Endpoint): Socket {
  if (endpoint.kind === 'unix') return connect({ path: endpoint.path })
  const { host, port, name, tls } = endpoint
  const target = { host, port, ...(name === 'dns4' ? { family: 4 } : name === 'dns6' ? { family: 6 } : {}) }
  const socket = tls
    ? connectTls({ ...target, ...(isIP(host) === 0 ? { servername: host } : {}) })
    : connect(target)
  return socket.setNoDelay(true)
}
