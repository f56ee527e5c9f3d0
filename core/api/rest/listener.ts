/** The sockets of an HTTP API: TCP and unix, plain and TLS. */
import { once } from 'node:events'
import { chmod, lstat, unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { messageOf } from '../../error-text.ts'
import { type Endpoint, parseEndpoint } from '../../runtime/endpoint.ts'
import { ListenError } from './errors.ts'

/** Go reads this many bytes beyond `max_header_bytes` before it refuses a request. */
const headerSlack = 4096

/** Milliseconds between two looks at who is late with a request. */
const connectionsCheckingInterval = 1_000

/** Connections to one address; more are closed at once. */
const maxConnections = 4096

export interface ListenSettings {
  /** The dotted key of the addresses in the configuration, for errors. */
  key: string
  /** PEM. */
  tls: { cert: Buffer; key: Buffer } | undefined
  /** All in milliseconds; 0 = none. */
  readTimeout: number
  readHeaderTimeout: number
  idleTimeout: number
  maxHeaderBytes: number
}

export class Listener implements AsyncDisposable {
  /** The address that is listened at: with the port chosen when it was 0. */
  readonly address: string
  readonly #server: Server

  private constructor(server: Server, address: string) {
    this.#server = server
    this.address = address
  }

  /** Rejects with `ListenError`. */
  static async open(address: string, settings: ListenSettings, handle: RequestListener): Promise<Listener> {
    const endpoint = parseEndpoint(address)
    if (!endpoint) {
      throw new ListenError(
        `${settings.key}: ${address} is not an address to listen at: use one of TCP or a unix socket`,
      )
    }
    const server = createHttpServer(settings, handle)
    try {
      await bind(server, endpoint)
    } catch (error) {
      throw new ListenError(`${settings.key}: ${explain(address, error)}`, { cause: error })
    }
    return new Listener(server, addressOf(server, endpoint))
  }

  /** Takes no more connections, and ends those that do nothing. */
  stop(): void {
    this.#server.close()
    this.#server.closeIdleConnections()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined
    if (closed) this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}

function createHttpServer(settings: ListenSettings, handle: RequestListener): Server {
  const options = {
    maxHeaderSize: settings.maxHeaderBytes + headerSlack,
    requestTimeout: settings.readTimeout,
    headersTimeout: settings.readHeaderTimeout,
    keepAliveTimeout: settings.idleTimeout,
    connectionsCheckingInterval,
  }
  const server = settings.tls
    ? createTlsServer({ ...options, ...settings.tls, minVersion: 'TLSv1.2' }, handle)
    : createServer(options, handle)
  server.maxConnections = maxConnections
  server.on('clientError', refuseConnection)
  server.on('connect', refuseTunnel)
  return server
}

/** Answers `CONNECT`, which is for proxies. */
function refuseTunnel(_incoming: IncomingMessage, socket: Duplex): void {
  // The client may be gone before it has read this.
  socket.on('error', () => socket.destroy())
  socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
}

/** For what never became a request. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const status = connectionStatuses[error.code ?? ''] ?? '400 Bad Request'
  const head = `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n`
  socket.end(`${head}${status}`)
}

const connectionStatuses: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

async function bind(server: Server, endpoint: Endpoint): Promise<void> {
  try {
    await listen(server, endpoint)
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    if (endpoint.kind !== 'unix' || !isTaken || !(await isDeadSocket(endpoint.path))) throw error
    await unlink(endpoint.path)
    await listen(server, endpoint)
  }
}

async function listen(server: Server, endpoint: Endpoint): Promise<void> {
  const listening = once(server, 'listening')
  if (endpoint.kind === 'unix') server.listen(endpoint.path)
  else server.listen(endpoint.port, endpoint.host)
  await listening
  // Who may open the socket may use the API.
  if (endpoint.kind === 'unix') await chmod(endpoint.path, 0o600)
}

/** Whether a killed process left this socket behind. Anything that is no socket is somebody's file, and stays. */
async function isDeadSocket(path: string): Promise<boolean> {
  return (await lstat(path)).isSocket() && !(await isAnswering(path))
}

async function isAnswering(path: string): Promise<boolean> {
  const socket = connect(path)
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ECONNREFUSED'
  } finally {
    socket.destroy()
  }
}

function addressOf(server: Server, endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return `/unix/${endpoint.path}`
  const bound = server.address()
  const port = typeof bound === 'object' && bound ? bound.port : endpoint.port
  return `/${endpoint.name}/${endpoint.host}/tcp/${port}`
}

function explain(address: string, error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return `${address} is in use: stop what listens there, or choose another address`
    case 'EACCES':
      return `not allowed to listen at ${address}: choose a port above 1023, or a socket in a folder of your own`
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${address} is not an address of this machine: choose another`
    default:
      return `cannot listen at ${address}: ${messageOf(error)}`
  }
}
