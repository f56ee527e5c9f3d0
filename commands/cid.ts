/** CIDs and paths among the arguments. */
import { pinPath } from '../core/client/pin-path.ts'
import { parseCid } from '../core/pin/cid-text.ts'
import { CommandError } from './errors.ts'

/** The text in its usual form. Throws `CommandError`. */
export function cidArgument(text: string): string {
  try {
    return parseCid(text).toString()
  } catch (cause) {
    throw new CommandError('parsing cid', cause)
  }
}

/** The text, when it is a CID or a path that can be pinned. Throws `CommandError`, in the words of `cidArgument`. */
export function pathArgument(text: string): string {
  try {
    pinPath(text)
    return text
  } catch (cause) {
    throw new CommandError('parsing cid', cause)
  }
}
