/** Every way in which the program ends, and which error leads there (`spec/cli.md §2`). */

export const exitCodes = {
  done: 0,
  failed: 1,
  refused: 2,
  unknownCommand: 3,
  timedOut: 62,
  cancelled: 125,
  outputClosed: 141,
} as const

/** What help says of them. */
export const exitCodeMeanings: Record<keyof typeof exitCodes, string> = {
  done: 'done, or a question was answered with no',
  failed: 'an error here: bad flags or input, no answer from the peer',
  refused: 'the peer answered with an error',
  unknownCommand: 'no such command',
  timedOut: 'a wait ended by --wait-timeout',
  cancelled: 'cancelled by Ctrl-C',
  outputClosed: 'the reader of stdout went away',
}

/** Exit codes by the `name` of the error; the others are `failed`. */
const codesByName: Readonly<Record<string, number>> = {
  DeclinedError: exitCodes.done,
  UnknownCommandError: exitCodes.unknownCommand,
  WaitTimeoutError: exitCodes.timedOut,
  AbortError: exitCodes.cancelled,
  CancelledError: exitCodes.cancelled,
  OutputClosedError: exitCodes.outputClosed,
}

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof Error)) return exitCodes.failed
  if (error.name === 'ApiError') {
    return (error as Error & { code: number }).code === 0 ? exitCodes.failed : exitCodes.refused
  }
  // What a command was doing when it failed does not change why it failed.
  if (error.name === 'CommandError') return exitCodeOf(error.cause)
  return codesByName[error.name] ?? exitCodes.failed
}
