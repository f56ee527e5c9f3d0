/** Errors of the command line itself. */

export class UnknownCommandError extends Error {
  override readonly name = 'UnknownCommandError'
}

/** Ctrl-C. */
export class CancelledError extends Error {
  override readonly name = 'CancelledError'
  constructor() {
    super('cancelled')
  }
}

/** Whoever read stdout, such as `head`, has gone. */
export class OutputClosedError extends Error {
  override readonly name = 'OutputClosedError'
  constructor() {
    super('stdout was closed')
  }
}
