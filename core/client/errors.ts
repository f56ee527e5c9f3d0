/** What calling a peer's API can end in. */

/**
 * The API refused, or could not be reached. `code` is the HTTP status, or 0 when there was no answer: then nothing is
 * known about whether the peer took the request (`spec/rest-api.md §11`).
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: number
  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** An address of an API that cannot be used. */
export class ApiAddressError extends Error {
  override readonly name = 'ApiAddressError'
}

/** A wait for a status ended: a peer failed, or time ran out. */
export class WaitError extends Error {
  override readonly name = 'WaitError'
}

export class WaitTimeoutError extends Error {
  override readonly name = 'WaitTimeoutError'
  constructor() {
    super('context deadline exceeded')
  }
}

/** A local file, folder or URL that cannot be uploaded. */
export class UploadError extends Error {
  override readonly name = 'UploadError'
}
