/** A server that answers RPC calls with exactly the bytes a test wants, however wrong, and hangs where it is told to. */
import { createServer, type Server, type Socket } from 'node:net'

export interface ScriptedCall {
  /** Path below `/api/v0/`, without the query. */
  path: string
  query: URLSearchParams
  /** The socket to answer on. */
  socket: Socket
  /** Number of the connection, from 1. */
  connection: number
}

/** Writes what it likes to `call.socket`. Bodies of requests are read and dropped. */
export type Script = (call: ScriptedCall) => unknown

export class ScriptedKubo implements AsyncDisposable {
  readonly calls: ScriptedCall[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #connections = 0

  private constructor(script: Script) {
    this.#server = createServer((socket) => this.#serve(socket, script))
  }

  static async start(script: Script): Promise<ScriptedKubo> {
    const kubo = new ScriptedKubo(script)
    await new Promise<void>((resolve) => kubo.#server.listen(0, '127.0.0.1', resolve))
    return kubo
  }

  get address(): string {
    return `/ip4/127.0.0.1/tcp/${(this.#server.address() as { port: number }).port}`
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#sockets.size
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: Socket, script: Script): void {
    const connection = ++this.#connections
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => undefined)
    let text = ''
    socket.on('data', (data) => {
      text += data.toString('latin1')
      // Several requests come on one connection; their heads are found wherever they begin.
      for (let head = requestHead.exec(text); head; head = requestHead.exec(text)) {
        text = text.slice(head.index + head[0].length)
        const url = new URL(`http://kubo/${head[1]}`)
        const call = { path: url.pathname.slice(1), query: url.searchParams, socket, connection }
        this.calls.push(call)
        script(call)
      }
      if (text.length > 65_536) text = text.slice(-8_192)
    })
  }
}

const requestHead = /POST \/api\/v0\/(\S+) HTTP\/1\.1\r\n(?:.+\r\n)*\r\n/

/** A whole answer with a length. */
export function reply(socket: Socket, body: string, status = 200, contentType = 'application/json'): void {
  socket.write(
    `HTTP/1.1 ${status} Status\r\nContent-Type: ${contentType}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
}

/** The head of a streamed answer, as Kubo writes it. */
export function openStream(socket: Socket): void {
  socket.write(
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTrailer: X-Stream-Error\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
}

/** Writes a chunk; false when the reader is behind. */
export function streamChunk(socket: Socket, text: string): boolean {
  return socket.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
}

export function endStream(socket: Socket, trailer = ''): void {
  socket.write(`0\r\n${trailer === '' ? '' : `X-Stream-Error: ${trailer}\r\n`}\r\n`)
}

export function streamed(socket: Socket, ...chunks: string[]): void {
  openStream(socket)
  for (const chunk of chunks) streamChunk(socket, chunk)
  endStream(socket)
}

/** Resolves when `condition` holds; the test's own time limit ends it otherwise. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
