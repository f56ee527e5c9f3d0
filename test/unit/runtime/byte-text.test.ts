import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { bytesFromText, textFromBytes } from '../../../core/runtime/byte-text.ts'

test('any bytes are the same bytes after they were a text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      expect([...bytesFromText(textFromBytes(bytes))]).toEqual([...bytes])
    }),
  )
})

test('a text of people is the same text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(textFromBytes(bytesFromText(text))).toBe(text)
      expect(bytesFromText(text)).toEqual(Buffer.from(text))
    }),
  )
})

test('a byte of another encoding is half a character', () => {
  const latin1 = Buffer.from('café', 'latin1')
  expect(textFromBytes(latin1)).toBe('caf\udce9')
  expect(bytesFromText('caf\udce9')).toEqual(latin1)
  expect(textFromBytes(Buffer.from('\ufffd'))).toBe('\ufffd')
})
