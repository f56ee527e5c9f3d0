/** One request, as the handlers of the routes see it. */
import type { IncomingMessage } from 'node:http'
import { RequestError } from './errors.ts'
import type { Reply } from './reply.ts'

export interface Call {
  incoming: IncomingMessage
  /** Parts of the path that the route names, decoded. */
  parameters: Readonly<Record<string, string>>
  query: URLSearchParams
  /** Aborted when the client is gone or the API closes. */
  signal: AbortSignal
  /** The user, where the API asks for one. */
  user: string | undefined
  reply: Reply
}

export interface Route {
  method: 'GET' | 'POST' | 'DELETE'
  /** In the notation of hono: `/pins/:hash`. */
  path: string
  handle(call: Call): Promise<void> | void
}

/** `local` counts only when it is exactly `true` (`spec/rest-api.md` §6). */
export function isLocal(query: URLSearchParams): boolean {
  return query.get('local') === 'true'
}

/** A switch of the query, in the words of Go. Throws `RequestError`. */
export function switchFrom(query: URLSearchParams, name: string, initial: boolean): boolean {
  const text = query.get(name)
  if (!text) return initial
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false
  throw new RequestError(`parameter ${name} invalid`)
}
