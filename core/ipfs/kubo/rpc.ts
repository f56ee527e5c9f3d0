/** One call of Kubo's RPC API: its query, its bounded answer, and what its failures mean (`spec/behaviour.md` §5). */
import { parseEndpoint } from '../../runtime/endpoint.ts'
import type { Runtime } from '../../runtime/ports.ts'
import {
  IpfsAbortedError,
  IpfsAnswerError,
  type IpfsCall,
  type IpfsError,
  IpfsInputError,
  IpfsUnreachableError,
} from '../errors.ts'
import { type CallLimit, CallScope } from './call-scope.ts'
import type { RpcResponse } from './connection.ts'
import { errorOf, kuboError, oneLine, webPage } from './error-answer.ts'
import { HttpSyntaxError } from './http-response.ts'
import { LineSplitter, LineTooLongError } from './json-lines.ts'
import { type RpcBody, Transport } from './transport.ts'

/** Bytes of an answer that is one JSON value. */
const maxJson = 16 * 1024 * 1024
/** Bytes of one line of a streamed answer. */
const maxLine = 1024 * 1024
/** Characters of why a connection failed that are passed on. */
const maxReason = 1_000

export interface RpcRequest {
  /** Such as `pin/add`. */
  path: string
  /** In this order, because errors show it. */
  query?: [key: string, value: string][]
  body?: RpcBody
  limit: CallLimit
  signal?: AbortSignal | undefined
}

export class Rpc {
  readonly #address: string
  readonly #runtime: Runtime
  readonly #transport: Transport
  readonly #hasCredentials: boolean
  readonly #calls = new Set<CallScope>()
  #closed = false

  /**
   * `authorization`: the credentials as a header has them. Throws `IpfsInputError` when `address` is not that of an HTTP
   * endpoint.
   */
  constructor(address: string, runtime: Runtime, authorization?: string) {
    this.#address = address
    this.#hasCredentials = authorization !== undefined
    this.#runtime = runtime
    const endpoint = parseEndpoint(address)
    if (endpoint === undefined) {
      throw new IpfsInputError(
        `${JSON.stringify(address)} is no address of an IPFS RPC API; write it as /ip4/127.0.0.1/tcp/5001, ` +
          '/dns4/ipfs/tcp/5001 or /unix/run/ipfs.sock',
        { what: 'connect', node: address },
      )
    }
    this.#transport = new Transport(endpoint, authorization)
  }

  /** The call as errors name it. */
  callOf(path: string, query: [string, string][] = []): IpfsCall {
    const pairs = query.map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    return { what: pairs.length === 0 ? path : `${path}?${pairs.join('&')}`, node: this.#address }
  }

  /** The answer as one JSON value. */
  async json(request: RpcRequest): Promise<unknown> {
    const bytes = await this.bytes(request, maxJson)
    return parseJson(this.callOf(request.path, request.query), new TextDecoder().decode(bytes))
  }

  /** The answer as bytes, at most `max`. */
  async bytes(request: RpcRequest, max: number): Promise<Uint8Array> {
    using answer = this.#ask(request)
    const chunks: Uint8Array[] = []
    let length = 0
    for (let chunk = await answer.next(); chunk !== undefined; chunk = await answer.next()) {
      length += chunk.length
      if (length > max) throw new IpfsAnswerError(answer.call, `it is longer than ${max} bytes`)
      chunks.push(chunk)
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }

  /** The answer as lines of JSON, those that arrived together in one array. */
  async *lines(request: RpcRequest): AsyncGenerator<unknown[]> {
    using answer = this.#ask(request)
    const splitter = new LineSplitter(maxLine)
    for (let chunk = await answer.next(); chunk !== undefined; chunk = await answer.next()) {
      const values = readLines(answer.call, splitter, chunk)
      if (values.length > 0) yield values
    }
    const values = readLines(answer.call, splitter)
    if (values.length > 0) yield values
  }

  /** The same for short answers: calls back for each value. */
  async each(request: RpcRequest, take: (value: unknown) => void): Promise<void> {
    using answer = this.#ask(request)
    const splitter = new LineSplitter(maxLine)
    for (let chunk = await answer.next(); chunk !== undefined; chunk = await answer.next()) {
      for (const value of readLines(answer.call, splitter, chunk)) take(value)
    }
    for (const value of readLines(answer.call, splitter)) take(value)
  }

  /** Ends the calls that run and refuses new ones. */
  close(): void {
    this.#closed = true
    for (const scope of this.#calls) scope.end(new IpfsAbortedError(scope.call, closedReason))
    this.#transport.close()
  }

  #ask({ path, query, body, limit, signal }: RpcRequest): RpcAnswer {
    const call = this.callOf(path, query)
    if (this.#closed) throw new IpfsAbortedError(call, closedReason)
    const scope = new CallScope(call, limit, signal, this.#runtime)
    this.#calls.add(scope)
    const response = this.#transport.post(call.what, body, scope.signal)
    return new RpcAnswer(scope, response, this.#hasCredentials, () => this.#calls.delete(scope))
  }
}

/** The body of an answer while it comes. Every failure comes out as an `IpfsError`. */
class RpcAnswer implements Disposable {
  readonly #scope: CallScope
  readonly #coming: Promise<RpcResponse>
  readonly #hasCredentials: boolean
  readonly #onEnd: () => void
  #response: RpcResponse | undefined

  constructor(scope: CallScope, coming: Promise<RpcResponse>, hasCredentials: boolean, onEnd: () => void) {
    this.#scope = scope
    this.#coming = coming
    this.#hasCredentials = hasCredentials
    this.#onEnd = onEnd
  }

  get call(): IpfsCall {
    return this.#scope.call
  }

  /** The next bytes; undefined at the end of a good answer. */
  async next(): Promise<Uint8Array | undefined> {
    const scope = this.#scope
    try {
      const response = (this.#response ??= await this.#begin())
      scope.waiting()
      const chunk = await response.read()
      scope.heard()
      const late = chunk === undefined ? response.trailers.get('x-stream-error') : undefined
      if (late) throw kuboError(scope.call, 200, late)
      return chunk
    } catch (error) {
      throw scope.error ?? (isIpfsError(error) ? error : transportError(scope.call, error))
    }
  }

  /** Gives the call up if the answer has not come to its end. */
  [Symbol.dispose](): void {
    this.#scope[Symbol.dispose]()
    this.#response?.close()
    this.#onEnd()
  }

  async #begin(): Promise<RpcResponse> {
    const response = await this.#coming
    if (response.status === 200) return response
    this.#response = response
    throw await errorOf(this.#scope.call, response, this.#hasCredentials)
  }
}

const closedReason = new Error('the connection to the IPFS node was closed')

/** The values that `chunk` completes, or, without one, what is left at the end. */
function readLines(call: IpfsCall, splitter: LineSplitter, chunk?: Uint8Array): unknown[] {
  try {
    const lines = chunk === undefined ? splitter.end() : splitter.push(chunk)
    return lines.map((line) => parseJson(call, line))
  } catch (error) {
    if (error instanceof LineTooLongError) throw new IpfsAnswerError(call, error.message)
    throw error
  }
}

function parseJson(call: IpfsCall, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new IpfsAnswerError(call, `it is not JSON: ${webPage(text) ?? JSON.stringify(text.slice(0, 100))}`)
  }
}

function isIpfsError(error: unknown): error is IpfsError {
  return error instanceof Error && 'reason' in error && 'call' in error
}

function transportError(call: IpfsCall, error: unknown): IpfsError {
  if (error instanceof HttpSyntaxError) return new IpfsAnswerError(call, `it is not HTTP: ${error.message}`)
  const { code, message } = error as { code?: string; message?: string }
  const why = reasons[code ?? ''] ?? message ?? String(error)
  return new IpfsUnreachableError(call, oneLine(why, maxReason), { cause: error })
}

const reasons: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there (connection refused)',
  ENOENT: 'there is no such socket file',
  EACCES: 'no permission to use the socket file',
  ECONNRESET: 'the connection was lost',
  EPIPE: 'the connection was lost',
  ENOTFOUND: 'its host name is not known',
  EAI_AGAIN: 'its host name cannot be looked up now',
  EHOSTUNREACH: 'there is no route to its host',
  ENETUNREACH: 'there is no route to its network',
  ETIMEDOUT: 'the connection was not taken in time',
}
