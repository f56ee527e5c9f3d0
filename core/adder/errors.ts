/** Errors of adding content. Texts that clients of the original know are kept word for word (`spec/rest-api.md` §8). */
import { messageOf } from '../error-text.ts'

/** The request asks for something that cannot be done; nothing was read and nothing written. */
export class AddRefusedError extends Error {
  override readonly name = 'AddRefusedError'
}

/** Nothing came that could be added. */
export class EmptyUploadError extends Error {
  override readonly name = 'EmptyUploadError'

  constructor() {
    super('the upload is empty: send at least one file, folder or link')
  }
}

/** A path of an upload cannot be taken into a folder. */
export class UploadPathError extends Error {
  override readonly name = 'UploadPathError'
}

/** An upload is more than what is taken at once. */
export class UploadTooLargeError extends Error {
  override readonly name = 'UploadTooLargeError'
}

export class ChunkerError extends Error {
  override readonly name = 'ChunkerError'
}

export class HashFunctionError extends Error {
  override readonly name = 'HashFunctionError'
}

/** A CAR that is not one, is cut short, or holds what is not as it says. */
export class CarError extends Error {
  override readonly name = 'CarError'
}

/** No peer took the blocks. */
export class DestinationsFailedError extends Error {
  override readonly name = 'DestinationsFailedError'

  constructor(cause: unknown) {
    const detail = messageOf(cause)
    super(`failed to put block on all destinations: ${detail}`, { cause })
  }
}
