import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { jsonValuesOf } from '../../../core/runtime/json-values.ts'

async function* inChunks(bytes: Uint8Array, sizes: number[]): AsyncGenerator<Uint8Array> {
  let from = 0
  for (const size of sizes) {
    yield bytes.subarray(from, from + size)
    from += size
  }
  yield bytes.subarray(from)
}

async function valuesOf(text: string, sizes: number[] = [], limit = 1_000_000) {
  const refuse = (line: number, problem: string): never => {
    throw new Error(`line ${line}: ${problem}`)
  }
  return await Array.fromAsync(jsonValuesOf(inChunks(Buffer.from(text), sizes), { limit, refuse }))
}

const layouts: ((values: unknown[], indent: number) => string)[] = [
  (values) => values.map((value) => JSON.stringify(value)).join('\n'),
  (values) => `\ufeff${values.map((value) => JSON.stringify(value)).join('')}\r\n`,
  (values, indent) => values.map((value) => JSON.stringify(value, null, indent)).join('\n\n'),
  (values, indent) => `\n${JSON.stringify(values, null, indent)}`,
  (values, indent) => `\ufeff\r\n${JSON.stringify(values, null, indent)}\r\n`,
]

test('values are the same in any layout, wherever the chunks are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), { maxLength: 5 }),
      fc.nat(4),
      fc.nat(3),
      fc.array(fc.nat(20), { maxLength: 30 }),
      async (objects, layout, indent, sizes) => {
        const text = layouts[layout]!(objects, indent)
        const values = await valuesOf(text, sizes)
        expect(values.map((value) => JSON.parse(value.text))).toEqual(JSON.parse(JSON.stringify(objects)))
        const lines = text.split('\n')
        for (const value of values) expect(lines[value.line - 1]).toContain(value.text.split('\n')[0]!)
      },
    ),
  )
})

test('what is no object is a value too, for its reader to refuse', async () => {
  expect((await valuesOf('nope 7\n"a"{}')).map(({ text, line }) => [text, line])).toEqual([
    ['nope', 1],
    ['7', 1],
    ['"a"', 2],
    ['{}', 2],
  ])
})

test.each([
  ['{"a":1}\n{"b":', 'line 2: the JSON that begins here does not end'],
  ['[{}\n', 'line 2: the list of the file does not end'],
  ['[{}{}]', 'line 1: a comma or the end of the list is missing'],
  [`\n{"a":"${'x'.repeat(100)}`, 'line 2: longer than 50 bytes'],
  ['y'.repeat(100), 'line 1: longer than 50 bytes'],
])('%j is refused', async (text, message) => {
  await expect(valuesOf(text, [7, 30, 20], 50)).rejects.toThrow(message)
})
