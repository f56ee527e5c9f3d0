import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { LineSplitter, LineTooLongError } from '../../../core/ipfs/kubo/json-lines.ts'

test('lines come out the same, however the bytes are cut', () => {
  const line = fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.replaceAll('\n', ' '))
  fc.assert(
    fc.property(fc.array(line), fc.array(fc.nat({ max: 8 })), (lines, cuts) => {
      const bytes = new TextEncoder().encode(lines.join('\n'))
      const splitter = new LineSplitter(1_000)
      const found: string[] = []
      let from = 0
      for (const cut of cuts) {
        found.push(...splitter.push(bytes.subarray(from, from + cut)))
        from += cut
      }
      found.push(...splitter.push(bytes.subarray(from)), ...splitter.end())
      const wellFormed = new TextDecoder().decode(bytes)
      expect(found).toEqual(
        wellFormed
          .split('\n')
          .map((text) => text.trim())
          .filter((text) => text !== ''),
      )
    }),
  )
})

test('a line over the limit is refused before it is kept whole', () => {
  const splitter = new LineSplitter(10)
  expect(splitter.push(Buffer.from('0123456789\n'))).toEqual(['0123456789'])
  splitter.push(Buffer.from('012345'))
  expect(() => splitter.push(Buffer.from('6789a'))).toThrow(LineTooLongError)
  expect(() => new LineSplitter(10).push(Buffer.from('0123456789a\n'))).toThrow(LineTooLongError)
})
