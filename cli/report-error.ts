/** Tells an error, once and in a line or few, and gives the exit code that it means. */
import { writeSync } from 'node:fs'
import { harmlessText } from '../core/runtime/harmless-text.ts'
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
    const { code: status, message, answered } = error as Error & { code: number; answered: boolean }
    // The value of $(cluster pin add …) is never an error; a program that asked for JSON tells it by its keys.
    if (report.encoding === 'json') stdout(`${printedJson({ code: status, message })}\n`)
    else
      stderr(`error: ${harmlessText(message)}${status === 0 ? '' : ` (the peer answered with ${status})`}\n`)
    if (!answered) stderr('is a peer running there? `cluster daemon` runs one, --host names another\n')
  } else if (error instanceof Error && error.name === 'OutputClosedError') {
    return code
  } else {
    stderr(`${lineOf(error)}\n`)
  }
  if (report.debug && error instanceof Error)
    stderr(`${stackOf(error).split('\n').map(harmlessText).join('\n')}\n`)
  return code
}

function lineOf(error: unknown): string {
  if (!(error instanceof Error)) return `error: ${harmlessText(String(error))}`
  const message = harmlessText(error.message)
  return error.name === 'CommandError' || error.name === 'DeclinedError' ? message : `error: ${message}`
}

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : ''
  return `${error.stack ?? error.message}${cause}`
}
