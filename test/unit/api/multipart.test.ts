import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { boundaryOf, readMultipart } from '../../../core/api/rest/multipart.ts'
import { readUpload } from '../../../core/api/rest/upload.ts'

/** A body in pieces that end at `cuts`. */
async function* inPieces(body: Buffer, cuts: number[]): AsyncGenerator<Uint8Array> {
  const ends = [...new Set(cuts.map((cut) => cut % (body.length + 1)))].sort((a, b) => a - b)
  let start = 0
  for (const end of [...ends, body.length]) {
    if (end > start) yield body.subarray(start, end)
    start = end
  }
}

async function readAll(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  for await (const piece of content) pieces.push(piece)
  return Buffer.concat(pieces)
}

async function parse(body: string | Buffer, cuts: number[] = [], boundary = 'b') {
  const parts: { headers: Record<string, string>; content: string }[] = []
  for await (const { headers, content } of readMultipart(inPieces(Buffer.from(body), cuts), boundary)) {
    parts.push({ headers: Object.fromEntries(headers), content: (await readAll(content)).toString('latin1') })
  }
  return parts
}

const anyBytes = fc
  .array(fc.constantFrom('\r', '\n', '-', 'b', 'x', '\r\n--', '\r\n--c', '\0'), { maxLength: 30 })
  .map((pieces) => pieces.join(''))
  .filter((text) => !`\r\n${text}\r\n`.includes('\r\n--b'))

describe('a form', () => {
  test('has the same parts however its bytes come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyBytes, { maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 40 }),
        fc.constantFrom('', 'preamble\r\n'),
        fc.constantFrom('', '\r\nepilogue'),
        async (contents, cuts, before, after) => {
          const parts = contents.map((content) => `--b \r\nA: 1\r\nB-c:  x y \r\n\r\n${content}\r\n`)
          const parsed = await parse(Buffer.from(`${before}${parts.join('')}--b--${after}`, 'latin1'), cuts)
          expect(parsed).toEqual(contents.map((content) => ({ headers: { a: '1', 'b-c': 'x y' }, content })))
        },
      ),
      { numRuns: 300 },
    )
  })

  test('cut short anywhere is an error, never less', async () => {
    const body = Buffer.from('--b\r\nA: 1\r\n\r\nfirst\r\n--b\r\nA: 2\r\n\r\nsecond\r\n--b--')
    for (let length = 0; length < body.length; length++) {
      await expect(parse(body.subarray(0, length), [1, 2, 3, 7, 20])).rejects.toMatchObject({
        name: 'MultipartError',
      })
    }
    expect((await parse(body)).length).toBe(2)
  })

  test('passes over parts that are left unread, or half read', async () => {
    const body = Buffer.from(`--b\r\nA: 1\r\n\r\n${'x'.repeat(1000)}\r\n--b\r\nA: 2\r\n\r\nsecond\r\n--b--`)
    const seen: string[] = []
    for await (const { headers, content } of readMultipart(inPieces(body, [50, 100, 200]), 'b')) {
      seen.push(headers.get('a')!)
      for await (const _ of content) break
    }
    expect(seen).toEqual(['1', '2'])
  })

  test('asks for no more of the body than is read', async () => {
    let asked = 0
    async function* body() {
      yield Buffer.from('--b\r\nA: 1\r\n\r\n')
      for (; asked < 1000; asked++) yield Buffer.alloc(1000, 'x')
      yield Buffer.from('\r\n--b--')
    }
    const parts = readMultipart(body(), 'b')
    const { value } = await parts.next()
    expect(asked).toBe(0)
    const content = value!.content[Symbol.asyncIterator]()
    await content.next()
    await content.next()
    expect(asked).toBeLessThanOrEqual(2)
  })

  const faults: [why: string, body: string][] = [
    ['headers that are too long', `--b\r\nA: ${'x'.repeat(17_000)}\r\n\r\nx\r\n--b--`],
    ['headers that never end', `--b\r\n${'x'.repeat(40_000)}`],
    ['too many headers', `--b\r\n${'A: 1\r\n'.repeat(5_000)}\r\nx\r\n--b--`],
    ['a header without a name', '--b\r\nno colon\r\n\r\nx\r\n--b--'],
    ['headers that are not UTF-8', '--b\r\nA: \xff\r\n\r\nx\r\n--b--'],
    ['text after a boundary', '--bx\r\nA: 1\r\n\r\nx\r\n--b--'],
    ['a boundary that does not come', 'x'.repeat(100_000)],
  ]
  test.each(faults)('with %s is refused', async (_, body) => {
    await expect(parse(Buffer.from(body, 'latin1'), [10, 5_000, 20_000])).rejects.toMatchObject({
      name: 'MultipartError',
    })
  })

  test('says its boundary in the content type', () => {
    expect(boundaryOf('multipart/form-data; boundary=abc')).toBe('abc')
    expect(boundaryOf('Multipart/Form-Data; charset="x;boundary=no"; Boundary="a b"')).toBe('a b')
    for (const other of [undefined, '', 'application/json', 'multipart/form-database; boundary=x']) {
      expect(boundaryOf(other)).toBeUndefined()
    }
    for (const bad of [
      'multipart/form-data',
      'multipart/form-data; boundary=',
      `multipart/form-data; boundary=${'x'.repeat(300)}`,
    ]) {
      expect(() => boundaryOf(bad)).toThrow('no multipart boundary param in Content-Type')
    }
  })
})

describe('an upload', () => {
  const entry = (headers: string, content = '') => `--b\r\n${headers}\r\n\r\n${content}\r\n`
  const named = (name: string, type = '') =>
    `Content-Disposition: form-data; name="file"; filename="${name}"${type && `\r\nContent-Type: ${type}`}`

  async function paths(...entries: string[]) {
    const body = Buffer.from(`${entries.join('')}--b--`)
    const parts: string[] = []
    for await (const part of readUpload(inPieces(body, [13, 57]), 'b')) {
      const more =
        part.kind === 'symlink' ? part.target : part.kind === 'file' ? await readAll(part.content) : ''
      parts.push(`${part.kind} ${part.path} ${more}`.trim())
    }
    return parts
  }

  test('has files, folders and links', async () => {
    const parts = await paths(
      entry(named('d', 'application/x-directory')),
      entry(named('d%2Fa%20b%2Bc+d', 'application/octet-stream'), 'content'),
      entry(named('d/l', 'application/symlink'), '../x'),
      entry('Content-Disposition: attachment; filename="old"', 'x'),
      entry('Content-Disposition: form-data; name="file"', 'unnamed'),
      entry('X-Other: 1', 'bare'),
    )
    expect(parts).toEqual([
      'directory d',
      'file d/a b+c d content',
      'symlink d/l ../x',
      'file old x',
      'file  unnamed',
      'file  bare',
    ])
  })

  test('drops the slash of an absolute path', async () => {
    expect(await paths(entry(named('%2F%2Fetc/x')))).toEqual(['file etc/x'])
  })

  test('keeps the bytes of names in other encodings', async () => {
    expect(await paths(entry(named('caf%E9.txt')))).toEqual(['file caf\udce9.txt'])
  })

  test('with an endless link is refused', async () => {
    const link = entry(named('l', 'application/symlink'), 'x'.repeat(5_000))
    await expect(paths(link)).rejects.toMatchObject({ name: 'MultipartError' })
  })
})
