import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { linesOf } from '../../../core/runtime/lines.ts'

async function linesFrom(chunks: Uint8Array[], limit = 1000): Promise<string[]> {
  const stream = (async function* () {
    yield* chunks
  })()
  return await Array.fromAsync(
    linesOf(stream, limit, () => {
      throw new Error('too long')
    }),
  )
}

test('lines are the same wherever the chunks are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'binary' })), fc.array(fc.nat(40)), async (texts, cuts) => {
      const lines = texts.map((text) => text.replaceAll('\n', ' '))
      const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''))
      const chunks: Uint8Array[] = []
      let from = 0
      for (const length of cuts) {
        chunks.push(bytes.subarray(from, from + length))
        from += length
      }
      chunks.push(bytes.subarray(from))
      expect(await linesFrom(chunks)).toEqual(lines)
    }),
  )
})

test('the last line needs no end, and a line that is too long is refused even when it never ends', async () => {
  const text = (value: string) => new TextEncoder().encode(value)
  expect(await linesFrom([text('a\nb')])).toEqual(['a', 'b'])
  expect(await linesFrom([])).toEqual([])
  await expect(linesFrom([text('123456\n')], 5)).rejects.toThrow('too long')
  await expect(linesFrom([text('123'), text('456')], 5)).rejects.toThrow('too long')
})
