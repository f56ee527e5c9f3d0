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
  InvalidPinOptionError: 400,
  MultipartError: 400,
  AddRefusedError: 400,
  CarError: 400,
  ChunkerError: 400,
  EmptyUploadError: 400,
  HashFunctionError: 400,
  UploadPathError: 400,
  UploadTooLargeError: 413,
  StoreBusyError: 503,
  StoreClosedError: 503,
}

/** 500 for all that is not the kind of request, as in the original, whose clients print code and text (§5). */
export function statusOf(error: unknown): number {
  if (error instanceof RequestError) return error.status
  const { name = '', message = '' } = error instanceof Error ? error : {}
  if (message === 'pin is not part of the pinset') return 404
  return (Object.hasOwn(statusByName, name) ? statusByName[name] : undefined) ?? 500
}
