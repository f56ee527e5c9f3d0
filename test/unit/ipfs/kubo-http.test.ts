/** HTTP as it is spoken with Kubo: answers in any pieces and forms, and connections that are kept or given up. */
import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import { HttpSyntaxError, ResponseReader } from '../../../core/ipfs/kubo/http-response.ts'
import { createKubo } from '../../../core/ipfs/kubo/kubo.ts'
import { eventually, reply, type Script, ScriptedKubo } from './scripted-kubo.ts'
import { quietRuntime } from './test-runtime.ts'

interface Answer {
  status: number
  body: string
  trailers: [string, string][]
  isLast: boolean
}

/** The complete answers in `pieces`, read one after the other. */
function read(pieces: Iterable<Uint8Array>): Answer[] {
  const reader = new ResponseReader()
  const answers: Answer[] = []
  let open: Answer | undefined
  for (const piece of pieces) {
    for (const part of reader.push(piece)) {
      if (part.kind === 'head') open = { status: part.status, body: '', trailers: [], isLast: false }
      else if (part.kind === 'data') open!.body += Buffer.from(part.bytes).toString()
      else answers.push({ ...open!, trailers: [...part.trailers], isLast: part.isLast })
    }
  }
  return answers
}

function readText(text: string): Answer[] {
  return read([Buffer.from(text)])
}

/** Answers as Kubo and others write them, and what they say. */
const forms: [text: string, answer: Answer][] = [
  [
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc',
    { status: 200, body: 'abc', trailers: [], isLast: false },
  ],
  ['HTTP/1.1 500 \r\ncontent-length:0\r\n\r\n', { status: 500, body: '', trailers: [], isLast: false }],
  ['HTTP/1.1 204 No Content\r\n\r\n', { status: 204, body: '', trailers: [], isLast: false }],
  [
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 1\r\n\r\nx',
    { status: 200, body: 'x', trailers: [], isLast: true },
  ],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;name=value\r\n0123456789\r\n0\r\n\r\n',
    { status: 200, body: 'abc0123456789', trailers: [], isLast: false },
  ],
  [
    'HTTP/1.1 200 OK\r\nTrailer: X-Stream-Error\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Stream-Error: kein Blöck\r\nOther: 1\r\nOther: 2\r\n\r\n',
    {
      status: 200,
      body: 'a',
      trailers: [
        ['x-stream-error', 'kein Blöck'],
        ['other', '1, 2'],
      ],
      isLast: false,
    },
  ],
]

describe('an answer', () => {
  test('is read in each of its forms', () => {
    for (const [text, answer] of forms) expect(readText(text), text).toEqual([answer])
  })

  test('says the same in whatever pieces it comes, and so do those after it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...forms), { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(400), { maxLength: 12 }),
        (chosen, cuts) => {
          const bytes = Buffer.from(chosen.map(([text]) => text).join(''))
          const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length]
          const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end))
          expect(read(pieces)).toEqual(chosen.map(([, answer]) => answer))
        },
      ),
    )
  })

  test('without a length goes on until the connection ends', () => {
    const reader = new ResponseReader()
    const parts = reader.push(Buffer.from('HTTP/1.0 200 OK\r\n\r\nabc'))
    expect(parts.map(({ kind }) => kind)).toEqual(['head', 'data'])
    expect(reader.endsWithConnection).toBe(true)
    reader.push(Buffer.from('def'))
    expect(reader.endsWithConnection).toBe(true)
  })

  test('that is none is refused as soon as that can be seen', () => {
    const wrong = [
      'SSH',
      'HTTP/2 200\r\n\r\n',
      'HTTP/1.1 OK\r\n\r\n',
      'HTTP/1.1 200 OK\r\nno colon\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n',
    ]
    for (const text of wrong) expect(() => readText(text), text).toThrow(HttpSyntaxError)
  })

  test('with an endless head is refused at a bound', () => {
    const reader = new ResponseReader()
    const more = () => reader.push(Buffer.from(`X: ${'y'.repeat(10_000)}\r\n`))
    reader.push(Buffer.from('HTTP/1.1 200 OK\r\n'))
    for (let i = 0; i < 6; i++) more()
    expect(more).toThrow(HttpSyntaxError)
  })
})

const stat = '{"RepoSize":5,"StorageMax":10}'

async function withScript(
  script: Script,
  body: (ipfs: ReturnType<typeof createKubo>, server: ScriptedKubo) => Promise<void>,
): Promise<void> {
  await using server = await ScriptedKubo.start(script)
  await using ipfs = createKubo({ address: server.address, runtime: quietRuntime() })
  await body(ipfs, server)
}

describe('a connection', () => {
  test('that Kubo closed while nothing was asked is not used again', async () => {
    await withScript(
      ({ socket }) => reply(socket, stat),
      async (ipfs, server) => {
        await ipfs.repoStat()
        server.calls[0]!.socket.end()
        await eventually(() => server.open === 0)
        expect(await ipfs.repoStat()).toEqual({ size: 5, max: 10 })
        expect(server.calls.map(({ connection }) => connection)).toEqual([1, 2])
      },
    )
  })

  test('that Kubo closes as a request comes is replaced, and the call succeeds', async () => {
    const script: Script = ({ socket, connection }) => {
      if (connection === 1 && served++ > 0) socket.destroy()
      else reply(socket, stat)
    }
    let served = 0
    await withScript(script, async (ipfs, server) => {
      await ipfs.repoStat()
      expect(await ipfs.repoStat()).toEqual({ size: 5, max: 10 })
      expect(server.calls.map(({ connection }) => connection)).toEqual([1, 1, 2])
    })
  })

  test('that is closed after a part of an answer fails the call', async () => {
    const script: Script = ({ socket, connection }) => {
      if (served++ === 0) return reply(socket, stat)
      expect(connection).toBe(1)
      socket.end('HTTP/1.1 2')
    }
    let served = 0
    await withScript(script, async (ipfs, server) => {
      await ipfs.repoStat()
      expect(ipfs.repoStat()).rejects.toMatchObject({ reason: 'unreachable' })
      await eventually(() => server.open === 0)
      expect(server.calls).toHaveLength(2)
    })
  })

  test('on which an answer to nothing comes is given up', async () => {
    await withScript(
      ({ socket }) => reply(socket, stat),
      async (ipfs, server) => {
        await ipfs.repoStat()
        reply(server.calls[0]!.socket, stat)
        await eventually(() => server.open === 0)
        expect(await ipfs.repoStat()).toEqual({ size: 5, max: 10 })
      },
    )
  })

  test('ends with its answer when Kubo says so', async () => {
    const script: Script = ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${stat.length}\r\n\r\n${stat}`)
    }
    await withScript(script, async (ipfs, server) => {
      expect(await ipfs.repoStat()).toEqual({ size: 5, max: 10 })
      await eventually(() => server.open === 0)
      await ipfs.repoStat()
      expect(server.calls.map(({ connection }) => connection)).toEqual([1, 2])
    })
  })

  test('may be the end of an answer that has no length', async () => {
    const script: Script = ({ socket }) => socket.end(`HTTP/1.1 200 OK\r\n\r\n${stat}`)
    await withScript(script, async (ipfs) => expect(await ipfs.repoStat()).toEqual({ size: 5, max: 10 }))
  })
})
