/**
 * The room for bytes of values that have not all come, of all calls together: many callers that each begin a large value and
 * do not end it must not fill the memory.
 */
import { RpcStreamError } from './errors.ts'

/** Bytes. */
const room = 128 * 1024 * 1024

export class WaitingRoom {
  #taken = 0

  /** Bytes of values that have not all come. */
  get bytes(): number {
    return this.#taken
  }

  /** Throws `RpcStreamError` when there is not as much room. */
  take(bytes: number): void {
    if (this.#taken + bytes > room) {
      throw new RpcStreamError(`more than ${room} bytes wait for the rest of their calls; try again`)
    }
    this.#taken += bytes
  }

  give(bytes: number): void {
    this.#taken -= bytes
  }
}
