/** Durations in Go's notation (`1h2m3s`, `200ms`, `1.5h`, `-3m`, `0`) and nanoseconds. */
import { InvalidDurationError } from './errors.ts'
import { goQuote } from './go-quote.ts'

const NANOSECOND = 1n
const MICROSECOND = 1000n
const MILLISECOND = 1_000_000n
export const SECOND = 1_000_000_000n
const MINUTE = 60n * SECOND
const HOUR = 60n * MINUTE

/** Both letters that are read as micro: the sign and the Greek letter. */
const units: Readonly<Record<string, bigint>> = {
  ns: NANOSECOND,
  us: MICROSECOND,
  '\u00b5s': MICROSECOND,
  '\u03bcs': MICROSECOND,
  ms: MILLISECOND,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
}

const MAX = 2n ** 63n - 1n

/** One number with its unit at the begin of a text. */
const PART = /^(\d*)(?:\.(\d*))?([^\d.]*)/

/**
 * Nanoseconds of a duration. Throws `InvalidDurationError` with Go's texts, such as `time: invalid duration "xx"`. The
 * range is ±2^63 ns, about 292 years.
 */
export function parseDuration(text: string): bigint {
  const negative = text.startsWith('-')
  let rest = negative || text.startsWith('+') ? text.slice(1) : text
  if (rest === '0') return 0n
  if (rest === '') throw invalid(text)
  let total = 0n
  while (rest !== '') {
    const [part, whole = '', fraction = '', unitName = ''] = PART.exec(rest) as RegExpExecArray
    if (whole === '' && fraction === '') throw invalid(text)
    if (unitName === '') throw new InvalidDurationError(`time: missing unit in duration ${goQuote(text)}`)
    const unit = Object.hasOwn(units, unitName) ? units[unitName] : undefined
    if (unit === undefined) {
      throw new InvalidDurationError(`time: unknown unit ${goQuote(unitName)} in duration ${goQuote(text)}`)
    }
    total += BigInt(whole) * unit + fractionOf(fraction, unit)
    if (total > (negative ? MAX + 1n : MAX)) throw invalid(text)
    rest = rest.slice(part.length)
  }
  return negative ? -total : total
}

/** As `Duration.String` of Go writes it: `12m0s`, `1.5s`, `1ms`, `0s`. */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return '0s'
  if (nanoseconds < 0n) return `-${formatDuration(-nanoseconds)}`
  if (nanoseconds < MICROSECOND) return `${nanoseconds}ns`
  if (nanoseconds < MILLISECOND) return `${decimal(nanoseconds, MICROSECOND)}µs`
  if (nanoseconds < SECOND) return `${decimal(nanoseconds, MILLISECOND)}ms`
  const hours = nanoseconds / HOUR
  const minutes = (nanoseconds / MINUTE) % 60n
  const seconds = `${decimal(nanoseconds % MINUTE, SECOND)}s`
  if (hours > 0n) return `${hours}h${minutes}m${seconds}`
  return minutes > 0n ? `${minutes}m${seconds}` : seconds
}

/** The digits after the point, in the floating point steps of Go: a third of an hour gives the same as there. */
function fractionOf(digits: string, unit: bigint): bigint {
  let value = 0n
  let scale = 1
  for (const digit of digits) {
    const next = value * 10n + BigInt(digit)
    if (next > MAX) break
    value = next
    scale *= 10
  }
  return BigInt(Math.trunc(Number(value) * (Number(unit) / scale)))
}

/** `value / unit` without trailing zeros. `unit` is a power of ten. */
function decimal(value: bigint, unit: bigint): string {
  const fraction = (value % unit)
    .toString()
    .padStart(unit.toString().length - 1, '0')
    .replace(/0+$/, '')
  return fraction === '' ? `${value / unit}` : `${value / unit}.${fraction}`
}

function invalid(text: string): InvalidDurationError {
  return new InvalidDurationError(`time: invalid duration ${goQuote(text)}`)
}
