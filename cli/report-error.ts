/** Tells an error, once and in a line or few, and gives the exit code that it means. */
import { writeSync } from 'node:fs'
import { exitCodeOf } from './exit-codes.ts'
import { printedJson } from './output.ts'

export interface ErrorReport {
  encoding: 'text' | 'json'
  /** With the places in the source that the error came by. */
  debug: boolean
  stdout(text: string): void
  stderr(text: string): void
}

export const processStreams: Pick<ErrorReport, 'stdout' | 'stderr'> = {
  stdout: (text) => written(1, text),
  stderr: (text) => written(2, text),
}

/** The exit code says that something failed, also where there is no room for the words. */
function written(descriptor: number, text: string): void {
  try {
    writeSync(descriptor, text)
  } catch {
    // Nobody can be told.
  }
}

export function reportError(error: unknown, report: ErrorReport): number {
  const { stdout, stderr } = report
  const code = exitCodeOf(error)
  if (error instanceof Error && error.name === 'ApiError') {
    // As the original's client: the peer's answer is data, and so on stdout (`spec/cli.md §2`).
    stdout(apiErrorText(error as Error & { code: number }, report.encoding))
    if (code === 1) stderr('is a peer running there? `cluster daemon` runs one, --host names another\n')
  } else if (error instanceof Error && error.name === 'OutputClosedError') {
    return code
  } else {
    stderr(`${lineOf(error)}\n`)
  }
  if (report.debug && error instanceof Error) stderr(`${stackOf(error)}\n`)
  return code
}

function apiErrorText({ code, message }: Error & { code: number }, encoding: 'text' | 'json'): string {
  if (encoding === 'json') return `${printedJson({ code, message })}\n`
  return `An error occurred:\n  Code: ${code}\n  Message: ${message}\n`
}

function lineOf(error: unknown): string {
  if (!(error instanceof Error)) return `error: ${String(error)}`
  if (error.name === 'CommandError' || error.name === 'DeclinedError') return error.message
  return `error: ${error.message}`
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return `${error.stack ?? error.message}${cause}`
}
