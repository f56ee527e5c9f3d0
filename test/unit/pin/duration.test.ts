import { describe, expect, test } from 'bun:test'
import { formatDuration, parseDuration } from '../../../core/pin/duration.ts'

/** Text; nanoseconds and the text written for them, or null and the error: from Go's time package. */
const parsed: [string, string | null, string][] = [
  ['0', '0', '0s'],
  ['+0', '0', '0s'],
  ['-0', '0', '0s'],
  ['1h2m3s', '3723000000000', '1h2m3s'],
  ['200ms', '200000000', '200ms'],
  ['1.5h', '5400000000000', '1h30m0s'],
  ['-3m', '-180000000000', '-3m0s'],
  ['.5s', '500000000', '500ms'],
  ['1.s', '1000000000', '1s'],
  ['1us', '1000', '1µs'],
  ['1µs', '1000', '1µs'],
  ['1μs', '1000', '1µs'],
  ['1ns', '1', '1ns'],
  ['', null, 'time: invalid duration ""'],
  ['xx', null, 'time: invalid duration "xx"'],
  ['5', null, 'time: missing unit in duration "5"'],
  ['1x', null, 'time: unknown unit "x" in duration "1x"'],
  ['1h5', null, 'time: missing unit in duration "1h5"'],
  ['-', null, 'time: invalid duration "-"'],
  ['.', null, 'time: invalid duration "."'],
  ['s', null, 'time: invalid duration "s"'],
  ['1.5.2s', null, 'time: missing unit in duration "1.5.2s"'],
  ['9223372036854775807ns', '9223372036854775807', '2562047h47m16.854775807s'],
  ['9223372036854775808ns', null, 'time: invalid duration "9223372036854775808ns"'],
  ['-9223372036854775808ns', '-9223372036854775808', '-2562047h47m16.854775808s'],
  ['2562048h', null, 'time: invalid duration "2562048h"'],
  ['1h"q', null, 'time: unknown unit "h\\"q" in duration "1h\\"q"'],
  ['3000000h', null, 'time: invalid duration "3000000h"'],
  ['1 s', null, 'time: unknown unit " s" in duration "1 s"'],
  ['1d', null, 'time: unknown unit "d" in duration "1d"'],
  ['0.100000000000000000000h', '360000000000', '6m0s'],
  ['0.3333333333333333333h', '1200000000000', '20m0s'],
  ['ⓧ1s', null, 'time: invalid duration "\\xe2\\x93\\xa71s"'],
  ['1ⓧ', null, 'time: unknown unit "\\xe2\\x93\\xa7" in duration "1\\xe2\\x93\\xa7"'],
  ['+5s', '5000000000', '5s'],
  ['--5s', null, 'time: invalid duration "--5s"'],
  ['1e3s', null, 'time: unknown unit "e" in duration "1e3s"'],
  ['0.000000001s', '1', '1ns'],
  ['0.0000000001s', '0', '0s'],
  ['1h1h', '7200000000000', '2h0m0s'],
]

const formatted: [string, string][] = [
  ['0', '0s'],
  ['1', '1ns'],
  ['-1', '-1ns'],
  ['999', '999ns'],
  ['1000', '1µs'],
  ['1500', '1.5µs'],
  ['1000000', '1ms'],
  ['1100000', '1.1ms'],
  ['1000000000', '1s'],
  ['1500000000', '1.5s'],
  ['60000000000', '1m0s'],
  ['61000000000', '1m1s'],
  ['3600000000000', '1h0m0s'],
  ['3661000000000', '1h1m1s'],
  ['3661500000000', '1h1m1.5s'],
  ['720000000000', '12m0s'],
  ['86400000000000', '24h0m0s'],
  ['9223372036854775807', '2562047h47m16.854775807s'],
  ['-9223372036854775808', '-2562047h47m16.854775808s'],
  ['-1500', '-1.5µs'],
  ['12345678', '12.345678ms'],
  ['1000000001', '1.000000001s'],
]

describe('a duration', () => {
  for (const [text, nanoseconds, result] of parsed) {
    if (nanoseconds === null) {
      test(`${JSON.stringify(text)} is refused`, () =>
        expect(() => parseDuration(text)).toThrow(
          expect.objectContaining({ name: 'InvalidDurationError', message: result }),
        ))
    } else {
      test(`${JSON.stringify(text)} has ${nanoseconds} ns and is written ${result}`, () => {
        expect(parseDuration(text)).toBe(BigInt(nanoseconds))
        expect(formatDuration(BigInt(nanoseconds))).toBe(result)
      })
    }
  }

  for (const [nanoseconds, text] of formatted) {
    test(`of ${nanoseconds} ns is written ${text} and read back`, () => {
      expect(formatDuration(BigInt(nanoseconds))).toBe(text)
      expect(parseDuration(text)).toBe(BigInt(nanoseconds))
    })
  }
})
