/** Errors of the REST API, and the status that an error of any part of the peer is answered with. */

/** A request that cannot be understood; nothing was done. Answered with `status`. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly status: number

  constructor(message: string, options: { status?: number; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.status = options.status ?? 400
  }
}

/** An upload whose body is no multipart form, or ends too early. */
export class MultipartError extends Error {
  override readonly name = 'MultipartError'
}

/** The API cannot listen; the message names the key of the configuration and the address. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

/** By the `name` of errors of other parts, which this one does not import. */
const statusByName: Readonly<Record<string, number>> = {
  PinNotFoundError: 404,
  UnknownPeerError: 404,
  InvalidPinError: 400,
  InvalidPinOptionError: 400,
  MultipartError: 400,
  AddRefusedError: 400,
  ChunkerError: 400,
  HashFunctionError: 400,
  CarError: 400,
  EmptyUploadError: 400,
  UploadPathError: 400,
  UploadTooLargeError: 413,
  PathTimeoutError: 504,
  StoreBusyError: 503,
  StoreClosedError: 503,
}

/** What an IPFS node could not do for the request, by the `name` of the cause. */
const statusByCause: Readonly<Record<string, number>> = {
  PathNotFoundError: 404,
  NameError: 404,
  UnreadableNodeError: 400,
}

/** 500 for all that is not the fault of the request (§5): clients try again what is answered so. */
export function statusOf(error: unknown): number {
  if (error instanceof RequestError) return error.status
  if (!(error instanceof Error)) return 500
  const { name, message, cause } = error
  if (message === 'pin is not part of the pinset') return 404
  if (name === 'IpfsInputError') return statusOfCause(cause) ?? 400
  // The embedded node gives the cause, Kubo a text alone.
  if (name === 'IpfsRefusedError')
    return statusOfCause(cause) ?? (message.includes('no link named') ? 404 : 500)
  return own(statusByName, name) ?? 500
}

function statusOfCause(cause: unknown): number | undefined {
  return cause instanceof Error ? own(statusByCause, cause.name) : undefined
}

function own(table: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
