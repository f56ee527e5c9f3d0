/**
 * The structured log of a peer: one line an event, with a level for each component. `parseLogLevels` reads what users
 * write after `--loglevel`; `createLogger` makes the logger that `Runtime` carries.
 *
 * Text lines are `<time> <LEVEL> <component> <message> key=value …`, JSON lines have the keys `time`, `level`,
 * `component`, `message` and the fields. Times are UTC, RFC 3339, in milliseconds.
 */

import { LogLevelError } from './errors.ts'
import { harmlessText } from './harmless-text.ts'
import type { Clock, LogFields, Logger, LogLevel } from './ports.ts'

export interface LogLevels {
  /** Of every component that is not in `components`. */
  all: LogLevel
  components: ReadonlyMap<string, LogLevel>
}

export type LogFormat = 'text' | 'json'

export interface LoggerInit {
  /** The component that the first logger speaks for. */
  component: string
  levels: LogLevels
  format: LogFormat
  clock: Pick<Clock, 'now'>
  /** Takes one line without its newline. */
  write(line: string): void
}

export function createLogger(init: LoggerInit): Logger {
  const threshold = rank[init.levels.components.get(init.component) ?? init.levels.all]
  const format = init.format === 'json' ? jsonLine : textLine
  const at = (level: LogLevel) => (message: string, fields?: LogFields) => {
    if (rank[level] < threshold) return
    init.write(format({ time: new Date(init.clock.now()).toISOString(), level, init, message, fields }))
  }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    component: (name) => createLogger({ ...init, component: name }),
  }
}

/**
 * Reads `level` and `component:level`, comma separated; `all:level` is the same as `level`, and a later entry wins. The
 * original's `fatal`, `panic` and `dpanic` are taken as `error`. Throws `LogLevelError`.
 */
export function parseLogLevels(text: string): LogLevels {
  let all: LogLevel = 'info'
  const components = new Map<string, LogLevel>()
  for (const part of text.split(',')) {
    const entry = part.trim()
    if (entry === '') continue
    const colon = entry.indexOf(':')
    const component = colon === -1 ? 'all' : entry.slice(0, colon).trim()
    const level =
      levelNames[
        entry
          .slice(colon + 1)
          .trim()
          .toLowerCase()
      ]
    if (level === undefined || component === '') throw new LogLevelError(entry)
    if (component.toLowerCase() === 'all' || component === '*') all = level
    else components.set(component, level)
  }
  return { all, components }
}

const rank: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

const levelNames: Record<string, LogLevel> = {
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  dpanic: 'error',
  panic: 'error',
  fatal: 'error',
}

interface Event {
  time: string
  level: LogLevel
  init: LoggerInit
  message: string
  fields: LogFields | undefined
}

function textLine({ time, level, init, message, fields }: Event): string {
  let line = `${time} ${level.toUpperCase()} ${init.component} ${harmlessText(message)}`
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value !== undefined) line += ` ${key}=${quoted(value)}`
  }
  return line
}

function jsonLine({ time, level, init, message, fields }: Event): string {
  return JSON.stringify({ time, level, component: init.component, message, ...fields })
}

function quoted(value: string | number | boolean): string {
  const text = String(value)
  return harmlessText(text === '' || /[\s"=]|\p{Cc}/u.test(text) ? JSON.stringify(text) : text)
}
