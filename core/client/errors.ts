/** What calling a peer's API can end in. */

/**
 * The API refused, or could not be reached. `code` is the HTTP status, or 0 when there was no answer that makes sense:
 * then nothing is known about whether the peer took the request (`spec/rest-api.md §11`).
 */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: number
  /** False when nothing answered at all, as where no peer runs. */
  readonly answered: boolean
  constructor(code: number, message: string, options?: ErrorOptions & { answered?: boolean }) {
    super(message, options)
    this.code = code
    this.answered = options?.answered ?? code !== 0
  }
}

/** Something answered, but not as the API of a peer does. */
export class StrangeAnswerError extends ApiError {
  constructor(where: string, problem: string, options?: ErrorOptions) {
    super(0, `${where}: ${problem}; is that the API of a cluster peer?`, { ...options, answered: true })
  }
}

/** What is to be pinned is no CID and no path. */
export class PinPathError extends Error {
  override readonly name = 'PinPathError'
  constructor(text: string) {
    const given = text === '' ? 'an empty text' : JSON.stringify(text)
    super(
      `${given} is neither a CID nor a path; a path is /ipfs/<CID>/…, /ipns/<name>/…, ipfs://<CID>/… or ipns://<name>/…`,
    )
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
