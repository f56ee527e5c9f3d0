/** Errors of the ports' real versions. */

export class LogLevelError extends Error {
  override readonly name = 'LogLevelError'
  constructor(entry: string) {
    super(
      `log level ${JSON.stringify(entry)} is not understood; write a level (debug, info, warn, error) or ` +
        'component:level, comma separated, such as info,crdt:debug',
    )
  }
}
