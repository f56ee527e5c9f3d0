import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseKeepingNumbers, placeOfJsonError } from '../../../core/config/json-text.ts'

describe('where a text stops being JSON', () => {
  test.each([
    ['', 1, 1],
    ['{', 1, 2],
    ['{"a":1,}', 1, 8],
    ['{\n  "a": 1\n  "b": 2\n}', 3, 3],
    ['[1, 2, x]', 1, 8],
    ['{"a": "b\nc"}', 1, 7],
    ['{"a": 01}', 1, 7],
    ['{} {}', 1, 4],
    ["{'a': 1}", 1, 2],
  ])('%j: line %d, column %d', (text, line, column) => {
    expect(() => JSON.parse(text)).toThrow()
    expect(placeOfJsonError(text)).toEqual({ line, column })
  })

  test('is nowhere in any JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom(0, 2), (text, indent) => {
        expect(placeOfJsonError(JSON.stringify(JSON.parse(text), null, indent))).toBeUndefined()
      }),
    )
  })
})

test('numbers are written back as they were read, whatever their size', () => {
  const text = '{"a":12345678901234567890,"b":[1.50,2],"c":-0.10e2}'
  expect(JSON.stringify(parseKeepingNumbers(text))).toBe(text)
})
