import { expect, test } from 'bun:test'
import { harmlessCopy, harmlessText } from '../../../core/runtime/harmless-text.ts'

test('what moves a cursor, begins a line or turns the direction of writing is escaped', () => {
  expect(harmlessText('a\u001b[2Jb')).toBe('a\\u001b[2Jb')
  expect(harmlessText('a\nb\r\tc')).toBe('a\\nb\\r\\tc')
  expect(harmlessText('\u009b31m \u2028 \u202e \ud800')).toBe('\\u009b31m \\u2028 \\u202e \\ud800')
})

test('other texts stay as they are', () => {
  for (const text of ['', 'plain', 'naïve café', '日本語 ∞ 👩‍💻', 'a\\nb'])
    expect(harmlessText(text)).toBe(text)
})

test('a copy is harmless in all texts and keys, and the original stays', () => {
  const value = { 'k\n': ['\u001b', { a: null, n: 3n }], toJSON: '\r' }
  expect({ ...harmlessCopy(value) }).toEqual({
    'k\\n': ['\\u001b', { a: null, n: 3n }],
    toJSON: '\\r',
  } as never)
  expect(value['k\n'][0]).toBe('\u001b')
})
