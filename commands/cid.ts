/** CIDs among the arguments. */
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
