/** Logs errors that nobody caught, and never becomes the cause of the next one. */
import type { Clock, Logger } from './ports.ts'

/** Errors that are logged in one period; the others are counted. */
const maxLogged = 20

/** Milliseconds of a period. */
const period = 60_000

/** The handler that logs to `logger`. It never throws, and logs no more of a flood than `maxLogged` in a minute. */
export function strayErrorHandler(
  logger: Pick<Logger, 'error'>,
  clock: Pick<Clock, 'monotonic'>,
): (error: unknown) => void {
  let began = Number.NEGATIVE_INFINITY
  let logged = 0
  let untold = 0
  return (error) => {
    try {
      if (clock.monotonic() - began >= period) {
        began = clock.monotonic()
        logged = 0
      }
      if (logged === maxLogged) {
        untold++
        return
      }
      logged++
      const more = untold > 0 ? { more: untold } : {}
      untold = 0
      logger.error('an error that nobody caught; the peer goes on', { cause: stackOf(error), ...more })
    } catch {
      // There is nowhere left to say it; throwing would bring it back here.
      untold++
    }
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
