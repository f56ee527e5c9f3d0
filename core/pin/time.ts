/** Times as RFC 3339 text and as nanoseconds since the Unix epoch (`spec/rest-api.md` §5). */
import { InvalidTimeError } from './errors.ts'
import { goQuote } from './go-quote.ts'
import type { UnixNano } from './pin.ts'

/** How Go writes "no time". */
export const ZERO_TIME = '0001-01-01T00:00:00Z'

const LAYOUT = '2006-01-02T15:04:05Z07:00'
const NANOS = 1_000_000_000n
const ZERO_TIME_SECONDS = -62_135_596_800n

/** In UTC, without trailing zeros below the second; `ZERO_TIME` when unset. Years 0 to 9999. */
export function formatTime(time: UnixNano | undefined): string {
  if (time === undefined) return ZERO_TIME
  const rest = Number(time % NANOS)
  const nanos = rest < 0 ? rest + 1e9 : rest
  const seconds = Number(time / NANOS) - (rest < 0 ? 1 : 0)
  const text = new Date(seconds * 1000).toISOString().slice(0, 19)
  if (nanos === 0) return `${text}Z`
  return `${text}.${nanos.toString().padStart(9, '0').replace(/0+$/, '')}Z`
}

/** The parts of a time in their order: what is matched, and how the layout names it. */
const parts = [
  { name: '2006', pattern: /^\d{4}/ },
  { name: '-', pattern: /^-/ },
  { name: '01', pattern: /^\d{2}/ },
  { name: '-', pattern: /^-/ },
  { name: '02', pattern: /^\d{2}/ },
  { name: 'T', pattern: /^T/ },
  { name: '15', pattern: /^\d{1,2}/ },
  { name: ':', pattern: /^:/ },
  { name: '04', pattern: /^\d{2}/ },
  { name: ':', pattern: /^:/ },
  { name: '05', pattern: /^\d{2}/ },
  { name: '', pattern: /^(?:[.,]\d+)?/ },
  { name: 'Z07:00', pattern: /^(?:Z|[+-]\d{2}:\d{2})/ },
] as const

/**
 * Reads an RFC 3339 time in any zone; undefined for the zero time. Digits below a nanosecond are cut off. Throws
 * `InvalidTimeError` with the texts of Go.
 */
export function parseTime(text: string): UnixNano | undefined {
  let rest = text
  const found: string[] = []
  for (const { name, pattern } of parts) {
    const match = pattern.exec(rest)?.[0]
    if (match === undefined) {
      throw failure(text, ` as "${LAYOUT}": cannot parse ${goQuote(rest)} as ${goQuote(name)}`)
    }
    found.push(match)
    rest = rest.slice(match.length)
  }
  const [year, , month, , day, , hour, , minute, , second, fraction, zone] = found as [string, ...string[]]
  const fields = {
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second),
  }
  checkRanges(text, fields, rest)
  const seconds = secondsOf(fields) - zoneOffset(text, zone as string)
  const nanos = BigInt((fraction as string).slice(1, 10).padEnd(9, '0'))
  return seconds === ZERO_TIME_SECONDS && nanos === 0n ? undefined : seconds * NANOS + nanos
}

interface Fields {
  year: number
  month: number
  day: number
  hour: number
  minute: number
  second: number
}

function checkRanges(text: string, fields: Fields, extra: string): void {
  const { year, month, day, hour, minute, second } = fields
  if (month < 1 || month > 12) throw failure(text, ': month out of range')
  if (hour > 23) throw failure(text, ': hour out of range')
  if (minute > 59) throw failure(text, ': minute out of range')
  if (second > 59) throw failure(text, ': second out of range')
  if (extra !== '') throw failure(text, `: extra text: ${goQuote(extra)}`)
  if (day < 1 || day > daysIn(year, month)) throw failure(text, ': day out of range')
}

function daysIn(year: number, month: number): number {
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
  if (month === 2) return isLeap ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

function secondsOf({ year, month, day, hour, minute, second }: Fields): bigint {
  // Date.UTC takes years below 100 for years of the 20th century; 400 years later the calendar is the same.
  const later = Date.UTC(year + 400, month - 1, day, hour, minute, second) / 1000
  return BigInt(later) - 146_097n * 86_400n
}

/** Seconds east of Greenwich. */
function zoneOffset(text: string, zone: string): bigint {
  if (zone === 'Z') return 0n
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(4, 6))
  if (minutes > 60) throw failure(text, ': time zone offset minute out of range')
  if (hours > 24) throw failure(text, ': time zone offset hour out of range')
  const offset = BigInt(hours * 3600 + minutes * 60)
  return zone.startsWith('-') ? -offset : offset
}

function failure(text: string, why: string): InvalidTimeError {
  return new InvalidTimeError(`parsing time ${goQuote(text)}${why}`)
}
