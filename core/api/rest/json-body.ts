/** Bodies that are one small JSON object. */
import type { IncomingMessage } from 'node:http'
import type { Scheduler } from '../../runtime/ports.ts'
import { RequestError } from './errors.ts'
import { readBody } from './request-body.ts'

/** Bytes of such a body. */
const maxBodyBytes = 64 * 1024

/** Rejects with `RequestError`, in the words of the original. */
export async function readJsonObject(
  incoming: IncomingMessage,
  scheduler: Scheduler,
): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of readBody(incoming, scheduler)) {
    size += chunk.length
    if (size > maxBodyBytes)
      throw new RequestError(`the body is longer than ${maxBodyBytes} bytes`, { status: 413 })
    chunks.push(chunk)
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString())
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
  } catch {
    // Told below.
  }
  throw new RequestError('error decoding request body')
}
