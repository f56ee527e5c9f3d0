/** The real versions of the ports in `ports.ts`: the machine's clocks, timers and randomness, and a log on stderr. */
import { type LineSink, lineWriter } from './line-writer.ts'
import { createLogger, type LogFormat, type LogLevels } from './log.ts'
import type { Clock, Random, Runtime, Scheduler, Timer } from './ports.ts'

export interface SystemRuntimeInit {
  levels: LogLevels
  /** `text` when absent. */
  format?: LogFormat
  /** Where log lines go; stderr when absent. */
  write?(line: string): void
}

export function createSystemRuntime(init: SystemRuntimeInit): Runtime {
  const logger = createLogger({
    component: 'cluster',
    levels: init.levels,
    format: init.format ?? 'text',
    clock: systemClock,
    write: init.write ?? logWriter(standardError()),
  })
  return { clock: systemClock, scheduler: systemScheduler, random: systemRandom, logger }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}

export const systemScheduler: Scheduler = {
  after: (ms, task) => new LongTimer(ms, task),
}

export const systemRandom: Random = {
  float: () => Math.random(),
  bytes(length) {
    const bytes = new Uint8Array(length)
    for (let from = 0; from < length; from += maxRandomBytes) {
      crypto.getRandomValues(bytes.subarray(from, from + maxRandomBytes))
    }
    return bytes
  },
}

/** The most that one call of `getRandomValues` gives. */
const maxRandomBytes = 65_536

/** The longest delay that `setTimeout` keeps; it fires at once for anything longer. */
const maxTimeout = 2 ** 31 - 1

class LongTimer implements Timer {
  #handle: ReturnType<typeof setTimeout> | undefined
  readonly #task: () => void

  constructor(ms: number, task: () => void) {
    this.#task = task
    this.#arm(Math.max(0, ms))
  }

  cancel(): void {
    clearTimeout(this.#handle)
    this.#handle = undefined
  }

  #arm(ms: number): void {
    const wait = Math.min(ms, maxTimeout)
    this.#handle = setTimeout(() => {
      if (ms > wait) this.#arm(ms - wait)
      else this.#task()
    }, wait)
  }
}

/** What may wait for a reader of stderr that has stopped reading, bytes. */
const maxWaitingLog = 4 * 1024 * 1024

/** Writes lines of the log to `sink`, stderr in general. */
export function logWriter(sink: LineSink): (line: string) => void {
  return lineWriter({ sink, what: 'log lines', maxWaiting: maxWaitingLog })
}

/** stderr. A line that it does not take is an error for the writer of that line, and for nobody else. */
function standardError(): LineSink {
  const { stderr } = process
  // Without a listener, each failed write would be an error that nobody caught, and be logged: to stderr again.
  if (!stderr.listeners('error').includes(ignore)) stderr.on('error', ignore)
  return stderr
}

function ignore(): void {}
