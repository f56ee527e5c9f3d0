/**
 * One HTTP exchange. On `node:http` and not `fetch`, which cannot see trailers: a stream that failed in the middle says
 * so only there (`spec/rest-api.md §5`).
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { messageOf } from '../error-text.ts'
import type { ApiAddress } from './address.ts'
import { ApiError } from './errors.ts'

export interface Exchange {
  method: 'GET' | 'POST' | 'DELETE'
  /** Path and query. */
  path: string
  headers?: Record<string, string>
  body?: AsyncIterable<Uint8Array>
  /** The body can be sent once only. */
  isUpload?: boolean
  /** Milliseconds until the answer begins, 0 = any. What comes after may take its time. */
  answerTimeout: number
  /** False takes any certificate. */
  verifyCertificate: boolean
  signal?: AbortSignal
}

export interface Answer {
  status: number
  /** Where the request is to go instead. */
  location: string | undefined
  /** Where the answer came from, for messages. */
  from: string
  body: AsyncIterable<Uint8Array>
  /** Values of `X-Stream-Error` trailers that say something; complete once `body` has ended. */
  streamErrors(): string[]
  /** Lets go of an answer that is not read to its end. */
  discard(): void
}

/** Sends a request and resolves when the answer begins. Rejects with `ApiError` of code 0, or with the signal's reason. */
export async function exchange(address: ApiAddress, init: Exchange): Promise<Answer> {
  init.signal?.throwIfAborted()
  const request = open(address, init)
  const abort = () => request.destroy(new Error('aborted'))
  init.signal?.addEventListener('abort', abort, { once: true })
  const release = () => init.signal?.removeEventListener('abort', abort)
  try {
    const answered = answerOf(request, init.answerTimeout)
    // A peer may answer (refuse) before it has read the body: then sending fails and the answer counts.
    const sent = send(request, init.body)
    const response = await Promise.race([answered, sent.then(() => answered)])
    sent.catch(() => undefined)
    return answer(response, address, init.signal, release)
  } catch (error) {
    release()
    request.destroy()
    init.signal?.throwIfAborted()
    throw transportError(address, error)
  }
}

function open(address: ApiAddress, init: Exchange): ClientRequest {
  const options = {
    ...address.to,
    method: init.method,
    path: init.path,
    headers: { ...init.headers, Host: address.authority },
    agent: false as const,
  }
  return address.tls
    ? httpsRequest({ ...options, rejectUnauthorized: init.verifyCertificate })
    : httpRequest(options)
}

function answerOf(request: ClientRequest, timeout: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const timer =
      timeout > 0 ? setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout) : undefined
    request.once('response', (response) => {
      clearTimeout(timer)
      resolve(response)
    })
    request.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
  })
}

async function send(request: ClientRequest, body: AsyncIterable<Uint8Array> | undefined): Promise<void> {
  for await (const chunk of body ?? []) {
    if (!request.write(chunk)) await drained(request)
    if (request.destroyed) return
  }
  request.end()
}

function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ['drain', 'close', 'error'] as const) request.off(event, done)
      resolve()
    }
    for (const event of ['drain', 'close', 'error'] as const) request.on(event, done)
  })
}

function answer(
  response: IncomingMessage,
  address: ApiAddress,
  signal: AbortSignal | undefined,
  release: () => void,
): Answer {
  return {
    status: response.statusCode ?? 0,
    location: response.headers.location,
    from: address.text,
    body: bodyOf(response, address, signal, release),
    streamErrors: () =>
      response.rawTrailers.filter(
        (value, index, all) => index % 2 === 1 && value !== '' && /^x-stream-error$/i.test(all[index - 1]!),
      ),
    discard() {
      release()
      response.destroy()
    },
  }
}

async function* bodyOf(
  response: IncomingMessage,
  address: ApiAddress,
  signal: AbortSignal | undefined,
  release: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response) yield chunk as Uint8Array
    if (!response.complete) throw new Error('the connection ended in the middle of the answer')
  } catch (error) {
    signal?.throwIfAborted()
    throw transportError(address, error)
  } finally {
    release()
    response.destroy()
  }
}

function transportError(address: ApiAddress, error: unknown): Error {
  if (error instanceof ApiError || (error instanceof Error && error.name === 'UploadError')) return error
  const why = messageOf(error)
  return new ApiError(0, `${address.text}: ${why}`, { cause: error })
}
