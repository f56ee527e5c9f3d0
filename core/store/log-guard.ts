/**
 * A reader that holds one snapshot keeps the write-ahead log from being emptied: it grows with all that a running peer
 * writes. The guard ends the snapshot when that is too much, also while the reader of the faults stands still.
 */
import { statSync } from 'node:fs'
import { CheckOvertakenError } from './errors.ts'

/** Bytes that the log may grow by. */
export const maxLogGrowth = 1024 * 1024 * 1024

/** Milliseconds between two looks. */
const lookInterval = 1_000

export interface LogGuardInit {
  /** The store. */
  path: string
  /** Ends the snapshot. */
  release(): void
  /** Bytes. */
  most?: number
  /** Milliseconds. */
  interval?: number
}

export class LogGuard implements Disposable {
  readonly #init: LogGuardInit
  readonly #before: number
  readonly #timer: NodeJS.Timeout
  #overtaken = false

  constructor(init: LogGuardInit) {
    this.#init = init
    this.#before = logBytes(init.path)
    this.#timer = setInterval(() => this.#look(), init.interval ?? lookInterval)
    this.#timer.unref()
  }

  /** Throws `CheckOvertakenError` once the snapshot was ended. */
  throwIfOvertaken(): void {
    this.#look()
    if (this.#overtaken) throw new CheckOvertakenError(this.#init.path)
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    if (this.#overtaken || logBytes(this.#init.path) - this.#before < (this.#init.most ?? maxLogGrowth))
      return
    this.#overtaken = true
    this.#init.release()
  }
}

function logBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
}
