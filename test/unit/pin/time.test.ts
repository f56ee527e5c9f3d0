import { describe, expect, test } from 'bun:test'
import { formatTime, parseTime, ZERO_TIME } from '../../../core/pin/time.ts'

/** Text; Unix seconds/nanoseconds and the text in UTC, or null and the error: from Go's time package. */
const parsed: [string, string | null, string][] = [
  ['xx', null, 'parsing time "xx" as "2006-01-02T15:04:05Z07:00": cannot parse "xx" as "2006"'],
  ['', null, 'parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006"'],
  ['2023-11-14T22:13:20Z', '1700000000/0', '2023-11-14T22:13:20Z'],
  ['2023-11-14T22:13:20.5Z', '1700000000/500000000', '2023-11-14T22:13:20.5Z'],
  ['2023-11-14T22:13:20.123456789Z', '1700000000/123456789', '2023-11-14T22:13:20.123456789Z'],
  ['2023-11-14T22:13:20.1234567891Z', '1700000000/123456789', '2023-11-14T22:13:20.123456789Z'],
  ['2023-11-14T22:13:20,5Z', '1700000000/500000000', '2023-11-14T22:13:20.5Z'],
  ['2023-11-14T22:13:20+02:00', '1699992800/0', '2023-11-14T20:13:20Z'],
  ['2023-11-14T22:13:20.5-07:30', '1700027000/500000000', '2023-11-15T05:43:20.5Z'],
  [
    '2023-11-14 22:13:20Z',
    null,
    'parsing time "2023-11-14 22:13:20Z" as "2006-01-02T15:04:05Z07:00": cannot parse " 22:13:20Z" as "T"',
  ],
  ['2023-13-14T22:13:20Z', null, 'parsing time "2023-13-14T22:13:20Z": month out of range'],
  ['2023-00-14T22:13:20Z', null, 'parsing time "2023-00-14T22:13:20Z": month out of range'],
  ['2023-02-29T22:13:20Z', null, 'parsing time "2023-02-29T22:13:20Z": day out of range'],
  ['2024-02-29T22:13:20Z', '1709244800/0', '2024-02-29T22:13:20Z'],
  ['2023-11-31T22:13:20Z', null, 'parsing time "2023-11-31T22:13:20Z": day out of range'],
  ['2023-11-00T22:13:20Z', null, 'parsing time "2023-11-00T22:13:20Z": day out of range'],
  ['2023-11-14T24:13:20Z', null, 'parsing time "2023-11-14T24:13:20Z": hour out of range'],
  ['2023-11-14T22:60:20Z', null, 'parsing time "2023-11-14T22:60:20Z": minute out of range'],
  ['2023-11-14T22:13:60Z', null, 'parsing time "2023-11-14T22:13:60Z": second out of range'],
  [
    '2023-11-14T22:13:20',
    null,
    'parsing time "2023-11-14T22:13:20" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00"',
  ],
  [
    '2023-11-14T22:13:20z',
    null,
    'parsing time "2023-11-14T22:13:20z" as "2006-01-02T15:04:05Z07:00": cannot parse "z" as "Z07:00"',
  ],
  [
    '2023-11-14t22:13:20Z',
    null,
    'parsing time "2023-11-14t22:13:20Z" as "2006-01-02T15:04:05Z07:00": cannot parse "t22:13:20Z" as "T"',
  ],
  ['2023-11-14T22:13:20Zx', null, 'parsing time "2023-11-14T22:13:20Zx": extra text: "x"'],
  ['2023-11-14T2:13:20Z', '1699928000/0', '2023-11-14T02:13:20Z'],
  ['2023-11-14T22:13:20+24:00', '1699913600/0', '2023-11-13T22:13:20Z'],
  ['2023-11-14T22:13:20+23:60', '1699913600/0', '2023-11-13T22:13:20Z'],
  [
    '2023-11-14T22:13:20+2:00',
    null,
    'parsing time "2023-11-14T22:13:20+2:00" as "2006-01-02T15:04:05Z07:00": cannot parse "+2:00" as "Z07:00"',
  ],
  [
    '2023-11-14T22:13:20+0200',
    null,
    'parsing time "2023-11-14T22:13:20+0200" as "2006-01-02T15:04:05Z07:00": cannot parse "+0200" as "Z07:00"',
  ],
  [
    '20231-11-14T22:13:20Z',
    null,
    'parsing time "20231-11-14T22:13:20Z" as "2006-01-02T15:04:05Z07:00": cannot parse "1-11-14T22:13:20Z" as "-"',
  ],
  ['0001-01-01T00:00:00Z', '-62135596800/0', '0001-01-01T00:00:00Z'],
  ['0000-01-01T00:00:00Z', '-62167219200/0', '0000-01-01T00:00:00Z'],
  ['9999-12-31T23:59:59.999999999Z', '253402300799/999999999', '9999-12-31T23:59:59.999999999Z'],
  ['1970-01-01T00:00:00Z', '0/0', '1970-01-01T00:00:00Z'],
  ['1969-12-31T23:59:59.5Z', '-1/500000000', '1969-12-31T23:59:59.5Z'],
  ['2023-11-14', null, 'parsing time "2023-11-14" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T"'],
  [
    'tomorrow',
    null,
    'parsing time "tomorrow" as "2006-01-02T15:04:05Z07:00": cannot parse "tomorrow" as "2006"',
  ],
  [
    '2023-11-14T22:13:20.Z',
    null,
    'parsing time "2023-11-14T22:13:20.Z" as "2006-01-02T15:04:05Z07:00": cannot parse ".Z" as "Z07:00"',
  ],
  [
    '2023-1-14T22:13:20Z',
    null,
    'parsing time "2023-1-14T22:13:20Z" as "2006-01-02T15:04:05Z07:00": cannot parse "1-14T22:13:20Z" as "01"',
  ],
  [
    '2023-11-14T22:13:20+02:0',
    null,
    'parsing time "2023-11-14T22:13:20+02:0" as "2006-01-02T15:04:05Z07:00": cannot parse "+02:0" as "Z07:00"',
  ],
  [
    '2023-11-14T22:13',
    null,
    'parsing time "2023-11-14T22:13" as "2006-01-02T15:04:05Z07:00": cannot parse "" as ":"',
  ],
  [
    '2023-11-14T22:13:2',
    null,
    'parsing time "2023-11-14T22:13:2" as "2006-01-02T15:04:05Z07:00": cannot parse "2" as "05"',
  ],
  [
    '-023-11-14T22:13:20Z',
    null,
    'parsing time "-023-11-14T22:13:20Z" as "2006-01-02T15:04:05Z07:00": cannot parse "-023-11-14T22:13:20Z" as "2006"',
  ],
  [
    '2023-11-14T22:13:20+99:99',
    null,
    'parsing time "2023-11-14T22:13:20+99:99": time zone offset minute out of range',
  ],
  [
    '2023-11-14T22:13:20 Z',
    null,
    'parsing time "2023-11-14T22:13:20 Z" as "2006-01-02T15:04:05Z07:00": cannot parse " Z" as "Z07:00"',
  ],
  [
    '2023-11-14T22:13:20"Z',
    null,
    'parsing time "2023-11-14T22:13:20\\"Z" as "2006-01-02T15:04:05Z07:00": cannot parse "\\"Z" as "Z07:00"',
  ],
]

describe('a time', () => {
  for (const [text, unix, result] of parsed) {
    if (unix === null) {
      test(`${JSON.stringify(text)} is refused`, () =>
        expect(() => parseTime(text)).toThrow(
          expect.objectContaining({ name: 'InvalidTimeError', message: result }),
        ))
    } else {
      test(`${JSON.stringify(text)} is ${unix} and is written ${result}`, () => {
        const [seconds, nanos] = unix.split('/').map(BigInt) as [bigint, bigint]
        const time = parseTime(text)
        expect(time).toBe(result === ZERO_TIME ? undefined : seconds * 1_000_000_000n + nanos)
        expect(formatTime(time)).toBe(result)
      })
    }
  }

  test('that is unset is written as the zero time', () => expect(formatTime(undefined)).toBe(ZERO_TIME))
})
