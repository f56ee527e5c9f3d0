/** Errors of the gateway, and the HTTP status of errors of the node. */
import { messageOf } from '../../../error-text.ts'
import {
  BlockNotHereError,
  PathError,
  PathNotFoundError,
  UnreadableNodeError,
  UnsupportedHashError,
} from '../errors.ts'

/** A request that is answered with this status. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly status: number
  readonly headers: Record<string, string>

  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

/** A block did not come in time. */
export class BlockTimeoutError extends Error {
  override readonly name = 'BlockTimeoutError'
}

export function asGatewayError(error: unknown): GatewayError {
  if (error instanceof GatewayError) return error
  const message = messageOf(error)
  if (error instanceof PathError || error instanceof UnsupportedHashError)
    return new GatewayError(400, message)
  if (error instanceof PathNotFoundError) return new GatewayError(404, message)
  if (error instanceof UnreadableNodeError) return new GatewayError(422, message)
  if (error instanceof BlockTimeoutError || error instanceof BlockNotHereError)
    return new GatewayError(504, message)
  // A name that cannot be resolved, too: others had to say what it stands for.
  return new GatewayError(502, message)
}
