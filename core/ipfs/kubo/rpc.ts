/** One call of Kubo's RPC API: its query, its bounded answer, and what its failures mean (`spec/behaviour.md` §5). */
import { parseEndpoint } from '../../runtime/endpoint.ts'
import type { Runtime } from '../../runtime/ports.ts'
import {
  IpfsAbortedError,
  IpfsAnswerError,
  type IpfsCall,
  type IpfsError,
  IpfsInputError,
  IpfsRefusedError,
  IpfsUnreachableError,
} from '../errors.ts'
import { type CallLimit, CallScope } from './call-scope.ts'
import type { RpcResponse } from './connection.ts'
import { HttpSyntaxError } from './http-response.ts'
import { LineSplitter, LineTooLongError } from './json-lines.ts'
import { type RpcBody, Transport } from './transport.ts'

/** Bytes of an answer that is one JSON value. */
const maxJson = 16 * 1024 * 1024
/** Bytes of one line of a streamed answer. */
const maxLine = 1024 * 1024
/** Bytes read of the body of an error. */
const maxErrorBody = 64 * 1024
/** Characters of an error of Kubo that are passed on. */
const maxErrorText = 4_096

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
  readonly #calls = new Set<CallScope>()
  #closed = false

  /** Throws `IpfsInputError` when `address` is not that of an HTTP endpoint. */
  constructor(address: string, runtime: Runtime) {
    this.#address = address
    this.#runtime = runtime
    const endpoint = parseEndpoint(address)
    if (endpoint === undefined) {
      throw new IpfsInputError(
        `${JSON.stringify(address)} is no address of an IPFS RPC API; write it as /ip4/127.0.0.1/tcp/5001, ` +
          '/dns4/ipfs/tcp/5001 or /unix/run/ipfs.sock',
        { what: 'connect', node: address },
      )
    }
    this.#transport = new Transport(endpoint)
  }

  /** The call as errors name it. */
  callOf(path: string, query: [string, string][] = []): IpfsCall {
    const text = new URLSearchParams(query).toString()
    return { what: text === '' ? path : `${path}?${text}`, node: this.#address }
  }

  /** The answer as one JSON value. */
  async json(request: RpcRequest): Promise<unknown> {
    const bytes = await this.bytes(request, maxJson)
    return parseJson(this.callOf(request.path, request.query), new TextDecoder().decode(bytes))
  }

  /** The answer as bytes, at most `max`. */
  async bytes(request: RpcRequest, max: number): Promise<Uint8Array> {
    using scope = this.#begin(request)
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of this.#answer(request, scope)) {
      length += chunk.length
      if (length > max) throw new IpfsAnswerError(scope.call, `it is longer than ${max} bytes`)
      chunks.push(chunk)
    }
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }

  /** The answer as lines of JSON, those that arrived together in one array. */
  async *lines(request: RpcRequest): AsyncGenerator<unknown[]> {
    using scope = this.#begin(request)
    const splitter = new LineSplitter(maxLine)
    for await (const chunk of this.#answer(request, scope)) {
      const values = splitLines(scope.call, () => splitter.push(chunk))
      if (values.length > 0) yield values
    }
    const values = splitLines(scope.call, () => splitter.end())
    if (values.length > 0) yield values
  }

  /** Ends the calls that run and refuses new ones. */
  close(): void {
    this.#closed = true
    for (const scope of this.#calls) scope.end(new IpfsAbortedError(scope.call, closedReason))
    this.#transport.close()
  }

  #begin({ path, query, limit, signal }: RpcRequest): CallScope {
    const call = this.callOf(path, query)
    if (this.#closed) throw new IpfsAbortedError(call, closedReason)
    const scope = new CallScope(call, limit, signal, this.#runtime)
    this.#calls.add(scope)
    return scope
  }

  /** The body of a good answer, chunk by chunk. Every failure comes out as an `IpfsError`. */
  async *#answer(request: RpcRequest, scope: CallScope): AsyncGenerator<Uint8Array> {
    let response: RpcResponse | undefined
    try {
      if (scope.error) throw scope.error
      response = await this.#transport.post(scope.call.what, request.body, scope.signal)
      if (response.status !== 200) throw await refusal(scope.call, response)
      for (;;) {
        scope.waiting()
        const chunk = await response.read()
        scope.heard()
        if (chunk === undefined) break
        yield chunk
      }
      const late = response.trailers.get('x-stream-error')
      if (late) throw kuboError(scope.call, 200, late)
    } catch (error) {
      throw scope.error ?? (isIpfsError(error) ? error : transportError(scope.call, error))
    } finally {
      this.#calls.delete(scope)
      response?.close()
    }
  }
}

const closedReason = new Error('the connection to the IPFS node was closed')

function splitLines(call: IpfsCall, split: () => string[]): unknown[] {
  try {
    return split().map((line) => parseJson(call, line))
  } catch (error) {
    if (error instanceof LineTooLongError) throw new IpfsAnswerError(call, error.message)
    throw error
  }
}

function parseJson(call: IpfsCall, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new IpfsAnswerError(call, `it is not JSON: ${JSON.stringify(text.slice(0, 100))}`)
  }
}

/** What a status other than 200 means. */
async function refusal(call: IpfsCall, response: RpcResponse): Promise<IpfsError> {
  const { status } = response
  const body = await readStart(response)
  const message = messageOf(body)
  if (message !== undefined) return kuboError(call, status, message)
  if (status === 502 || status === 503 || status === 504) {
    return new IpfsUnreachableError(call, `what is in front of it answered ${status}`)
  }
  const text = clip(body.trim())
  return new IpfsRefusedError(
    call,
    `IPFS request failed (is it running?) (${call.what}). Code ${status}: ${text}`,
    text,
  )
}

/** The first bytes of an error body; the connection is given up when there are more. */
async function readStart(response: RpcResponse): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  while (length < maxErrorBody) {
    const chunk = await response.read()
    if (chunk === undefined) break
    chunks.push(chunk)
    length += chunk.length
  }
  return Buffer.concat(chunks).subarray(0, maxErrorBody).toString()
}

/** The message of Kubo's error object, `{"Message":…,"Code":…,"Type":"error"}`. */
function messageOf(body: string): string | undefined {
  try {
    const value: unknown = JSON.parse(body)
    if (typeof value !== 'object' || value === null || !('Message' in value)) return undefined
    return typeof value.Message === 'string' ? value.Message : undefined
  } catch {
    return undefined
  }
}

/** The words of the original, that tools look for (`spec/behaviour.md` §5.3). */
function kuboError(call: IpfsCall, status: number, message: string): IpfsRefusedError {
  const text = clip(message)
  return new IpfsRefusedError(call, `IPFS error (${call.what}). Code: ${status}. Message: ${text}`, text)
}

function clip(text: string): string {
  return text.length > maxErrorText ? `${text.slice(0, maxErrorText)}…` : text
}

function isIpfsError(error: unknown): error is IpfsError {
  return error instanceof Error && 'reason' in error && 'call' in error
}

function transportError(call: IpfsCall, error: unknown): IpfsError {
  if (error instanceof HttpSyntaxError) return new IpfsAnswerError(call, `it is not HTTP: ${error.message}`)
  const { code, message } = error as { code?: string; message?: string }
  const why = reasons[code ?? ''] ?? message ?? String(error)
  return new IpfsUnreachableError(call, clip(why), { cause: error })
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
