/** One connection to the RPC API of Kubo, with one request on it at a time. */
import type { Socket } from 'node:net'
import { type HttpFields, HttpSyntaxError, ResponseReader } from './http-response.ts'

export interface RpcResponse {
  readonly status: number
  /** The next bytes of the body; undefined at its end. Rejects when the connection breaks before. */
  read(): Promise<Uint8Array | undefined>
  /** What came after the body, once that was read to its end. */
  readonly trailers: HttpFields
  /** Gives the connection up unless the answer is complete. */
  close(): void
}

/** The other side had closed the connection before it took the request. */
export class StaleConnectionError extends Error {
  override readonly name = 'StaleConnectionError'
}

/** Bytes of a body that wait for their reader; then the other side waits. */
const maxWaitingBytes = 256 * 1024

export class Connection {
  readonly #socket: Socket
  readonly #reader = new ResponseReader()
  readonly #onFree: (isUsable: boolean) => void
  #exchange: Exchange | undefined
  /** It has answered before. */
  #isReused = false
  #isEnded = false

  /** `onFree`: called when an answer is complete, and, with false, when the connection has ended. */
  constructor(socket: Socket, onFree: (isUsable: boolean) => void) {
    this.#socket = socket
    this.#onFree = onFree
    socket.on('data', (bytes: Uint8Array) => this.#take(bytes))
    socket.on('end', () => this.#end(this.#reader.endsWithConnection ? undefined : cutOff()))
    socket.on('error', (error) => this.#end(error))
    socket.on('close', () => this.#end(cutOff()))
  }

  /** Resolves when the head of the answer is there. `signal` ends the exchange at any stage. */
  post(head: string, chunks: readonly Uint8Array[], signal: AbortSignal): Promise<RpcResponse> {
    const exchange = new Exchange(this.#socket, signal, (error) => this.#end(error))
    if (this.#isEnded) exchange.fail(new StaleConnectionError('the connection was closed'))
    else {
      this.#exchange = exchange
      if (chunks.length > 0) this.#socket.cork()
      this.#socket.write(head)
      for (const chunk of chunks) this.#socket.write(chunk)
      if (chunks.length > 0) this.#socket.uncork()
    }
    return exchange.head
  }

  destroy(): void {
    this.#end(cutOff())
  }

  #take(bytes: Uint8Array): void {
    try {
      for (const part of this.#reader.push(bytes)) {
        const exchange = this.#exchange
        if (exchange === undefined) throw new HttpSyntaxError('an answer to nothing')
        if (part.kind === 'head') exchange.begin(part.status)
        else if (part.kind === 'data') exchange.add(part.bytes)
        else this.#complete(exchange, part.trailers, part.isLast)
      }
    } catch (error) {
      this.#end(error as Error)
    }
  }

  #complete(exchange: Exchange, trailers: HttpFields, isLast: boolean): void {
    this.#exchange = undefined
    this.#isReused = true
    exchange.complete(trailers)
    // A rest of the request that nobody reads any more would be in the way of the next one.
    if (isLast || this.#socket.writableLength > 0) this.#end(undefined)
    else this.#onFree(true)
  }

  /** The connection is over. `error` is why an answer is not complete and never will be. */
  #end(error: Error | undefined): void {
    if (this.#isEnded) return
    this.#isEnded = true
    const exchange = this.#exchange
    this.#exchange = undefined
    if (error === undefined) exchange?.complete(new Map())
    else if (this.#isReused && this.#reader.isIdle) {
      exchange?.fail(new StaleConnectionError(error.message, { cause: error }))
    } else exchange?.fail(error)
    this.#socket.destroy()
    this.#onFree(false)
  }
}

function cutOff(): Error {
  return Object.assign(new Error('the connection was closed'), { code: 'ECONNRESET' })
}

/** A request and its answer. */
class Exchange implements RpcResponse {
  status = 0
  trailers: HttpFields = new Map()
  readonly #socket: Socket
  readonly #signal: AbortSignal
  readonly #giveUp: (error: Error) => void
  readonly #head = Promise.withResolvers<RpcResponse>()
  readonly #chunks: Uint8Array[] = []
  #waitingBytes = 0
  #read: PromiseWithResolvers<Uint8Array | undefined> | undefined
  #isEnded = false
  #error: Error | undefined

  /** `giveUp` ends the connection. */
  constructor(socket: Socket, signal: AbortSignal, giveUp: (error: Error) => void) {
    this.#socket = socket
    this.#signal = signal
    this.#giveUp = giveUp
    signal.addEventListener('abort', this.#onAbort)
  }

  get head(): Promise<RpcResponse> {
    return this.#head.promise
  }

  begin(status: number): void {
    this.status = status
    this.#head.resolve(this)
  }

  add(bytes: Uint8Array): void {
    if (this.#read !== undefined) {
      this.#read.resolve(bytes)
      this.#read = undefined
      return
    }
    this.#chunks.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes > maxWaitingBytes) this.#socket.pause()
  }

  complete(trailers: HttpFields): void {
    this.trailers = trailers
    this.#settle()
    this.#read?.resolve(undefined)
  }

  fail(error: Error): void {
    this.#error = error
    this.#settle()
    this.#head.reject(error)
    this.#read?.reject(error)
  }

  async read(): Promise<Uint8Array | undefined> {
    const bytes = this.#chunks.shift()
    if (bytes !== undefined) {
      this.#waitingBytes -= bytes.length
      if (this.#waitingBytes === 0 && !this.#isEnded) this.#socket.resume()
      return bytes
    }
    if (this.#error !== undefined) throw this.#error
    if (this.#isEnded) return undefined
    this.#read = Promise.withResolvers()
    return this.#read.promise
  }

  close(): void {
    if (!this.#isEnded) this.#giveUp(cutOff())
  }

  readonly #onAbort = (): void => this.#giveUp(this.#signal.reason as Error)

  #settle(): void {
    this.#isEnded = true
    this.#signal.removeEventListener('abort', this.#onAbort)
    // The next answer on this connection may come although the rest of this one has not been read yet.
    this.#socket.resume()
  }
}
