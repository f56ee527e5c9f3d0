/** Errors of commands. Which exit code follows is decided in `cli/exit-codes.ts`. */
import { messageOf } from '../core/error-text.ts'

/** A local failure; printed as `error <doing>: <cause>`, as the original does. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly doing: string
  constructor(doing: string, cause: unknown) {
    super(`error ${doing}: ${messageOf(cause)}`, { cause })
    this.doing = doing
  }
}

/** Flags or arguments that do not fit the command. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A question was answered with no. Not a failure. */
export class DeclinedError extends Error {
  override readonly name = 'DeclinedError'
  constructor() {
    super('nothing was changed')
  }
}

/** A question that nobody is there to answer. */
export class NoTerminalError extends Error {
  override readonly name = 'NoTerminalError'
  constructor(question: string, flag: string) {
    super(`${question} There is no terminal to ask at: answer with ${flag}`)
  }
}

/** A check found that the stored tables contradict each other. */
export class StateFaultyError extends Error {
  override readonly name = 'StateFaultyError'
  constructor(faults: number) {
    super(`${faults} faults found; stop the peer and run "cluster state rebuild"`)
  }
}

/** The peer does not answer, or not as a healthy one does. */
export class PeerUnwellError extends Error {
  override readonly name = 'PeerUnwellError'
  constructor(cause: Error) {
    super(`the peer is not healthy: ${cause.message}`, { cause })
  }
}
