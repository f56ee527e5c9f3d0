/** Errors of working on the files of a peer. */

/** The input of an import is not what it should be; nothing was replaced. */
export class ImportError extends Error {
  override readonly name = 'ImportError'
  constructor(input: string, line: number, problem: string, options?: ErrorOptions) {
    super(`${input}, line ${line}: ${problem}; nothing was replaced`, options)
  }
}
