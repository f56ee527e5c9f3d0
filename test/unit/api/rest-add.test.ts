import { describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { connect } from 'node:net'
import * as dagCbor from '@ipld/dag-cbor'
import { blockOf, makeCar } from '../adder/car-rig.ts'
import { createMemoryService, self } from './memory-service.ts'
import { type AskOptions, form, formType, RestRig } from './rest-rig.ts'

const upload = (body: Uint8Array): AskOptions => ({
  method: 'POST',
  headers: { 'content-type': formType },
  body,
})
const line = (name: string, cid: string, size: number) =>
  `{"name":"${name}","cid":"${cid}","size":${size},"allocations":["${self}"]}\n`

describe('an add', () => {
  test('of a file answers one line, and pins the root', async () => {
    await using rig = await RestRig.start()
    const { status, body, headers, trailers } = await rig.ask(
      '/add?name=x&replication=1&mode=direct',
      upload(form([{ name: 'hello.txt', content: 'hello\n' }])),
    )
    const cid = 'QmZULkCELmmk5XNfCgTnCyFgAVxBRBXyDHGGMVoLFLiXEN'
    expect([status, body]).toEqual([200, line('hello.txt', cid, 14)])
    expect(headers).toMatchObject({
      'cache-control': 'no-cache',
      connection: 'close',
      'content-type': 'application/json',
      'x-chunked-output': '1',
      trailer: 'X-Stream-Error',
    })
    expect(trailers).toEqual([])
    expect(rig.service.pins.get(cid)).toMatchObject({ name: 'x', mode: 'recursive', replicationFactorMin: 1 })
    expect([...rig.service.blocks.keys()]).toEqual([cid])
  })

  test('of a folder answers files as they came, then folders, the root last', async () => {
    await using rig = await RestRig.start()
    const { body } = await rig.ask(
      '/add',
      upload(
        form([
          { name: 'd', type: 'application/x-directory' },
          { name: 'd/b c+%.txt', content: 'bb' },
          { name: 'd/sub/a.txt', content: 'aa' },
          { name: 'd/link', content: 'sub/a.txt', type: 'application/symlink' },
          { name: 'd/empty', type: 'application/x-directory' },
        ]),
      ),
    )
    const names = body.trimEnd().split('\n')
    expect(names.map((row) => JSON.parse(row).name)).toEqual([
      'd/b c+%.txt',
      'd/sub/a.txt',
      'd/link',
      'd/empty',
      'd/sub',
      'd',
    ])
    expect(rig.service.changes).toEqual([`pin ${JSON.parse(names.at(-1)!).cid}`])
  })

  test('of several entries pins each, or one folder around them', async () => {
    await using rig = await RestRig.start()
    const body = form([
      { name: 'a', content: 'a' },
      { name: 'b', content: 'b' },
    ])
    const apart = (await rig.ask('/add', upload(body))).body.trimEnd().split('\n')
    expect(apart.map((row) => JSON.parse(row).name)).toEqual(['a', 'b'])
    expect(rig.service.changes).toEqual(apart.map((row) => `pin ${JSON.parse(row).cid}`))
    rig.service.changes.length = 0
    const wrapped = (await rig.ask('/add?wrap-with-directory=true', upload(body))).body.trimEnd().split('\n')
    expect(wrapped.map((row) => JSON.parse(row).name)).toEqual(['a', 'b', ''])
    expect(rig.service.changes).toEqual([`pin ${JSON.parse(wrapped[2]!).cid}`])
  })

  test('that cannot be added as it is is a fault of the client', async () => {
    await using rig = await RestRig.start()
    const body = form([{ name: 'a', content: 'hello, this is no CAR file' }])
    for (const [query, text] of [
      ['hash=size-1', 'hash function name not known: "size-1"'],
      ['hash=sha2-512', 'invalid cid: invalid v0 prefix'],
      ['chunker=bogus', 'bogus'],
      ['chunker=size-99999999999', 'maximum chunk size'],
      ['format=car', 'CAR file'],
    ] as const) {
      const { status, body: answer } = await rig.ask(`/add?${query}`, upload(body))
      expect([query, status]).toEqual([query, 400])
      expect(JSON.parse(answer).message).toContain(text)
    }
    expect(rig.service.changes).toEqual([])
  })

  test('of a CAR with a hole says in its line which block is missing', async () => {
    await using rig = await RestRig.start()
    const leaf = await blockOf(Buffer.from('leaf'))
    const root = await blockOf(dagCbor.encode({ a: leaf.cid }), dagCbor.code)
    const car = await makeCar([root.cid], [root])
    const { status, body } = await rig.ask('/add?format=car', upload(form([{ name: 't.car', content: car }])))
    expect(status).toBe(200)
    expect(JSON.parse(body).warnings).toEqual([
      expect.stringContaining(`block ${leaf.cid} of ${root.cid}, at "a",`),
    ])
    expect(rig.service.changes).toEqual([`pin ${root.cid}`])
  })

  test('answers one array where no stream is asked for', async () => {
    await using rig = await RestRig.start()
    const { status, body, headers } = await rig.ask(
      '/add?stream-channels=false&cid-version=1',
      upload(form([{ name: 'f1', content: 'hello\n' }])),
    )
    const cid = 'bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am'
    expect([status, body]).toEqual([200, `[${line('f1', cid, 6).trimEnd()}]\n`])
    expect(headers['x-chunked-output']).toBeUndefined()
  })

  test('tells its progress every 256 KiB, and at the end', async () => {
    await using rig = await RestRig.start()
    const content = Buffer.alloc(700_000, 'x')
    const { body } = await rig.ask(
      '/add?progress=true&cid-version=1&raw-leaves=false',
      upload(form([{ name: 'big', content }])),
    )
    expect(body.split('\n').slice(0, 3)).toEqual([
      '{"name":"","cid":null,"bytes":262144}',
      '{"name":"","cid":null,"bytes":524288}',
      '{"name":"","cid":null,"bytes":700000}',
    ])
    expect(JSON.parse(body.split('\n')[3]!)).toMatchObject({ name: 'big', size: 700_200 })
  })

  test('stores and does not pin with no-pin=true', async () => {
    await using rig = await RestRig.start()
    await rig.ask('/add?no-pin=true', upload(form([{ name: 'a', content: 'a' }])))
    expect([rig.service.blocks.size, rig.service.changes]).toEqual([1, []])
  })

  test('takes the file names of browsers and of clients that escape them', async () => {
    await using rig = await RestRig.start()
    const part = (disposition: string) =>
      `--b\r\nContent-Disposition: form-data; name="file"; ${disposition}\r\n\r\nx\r\n`
    const names = ['filename="100%.txt"', 'filename="a%2Fb+c"', 'filename="q\\"q"', "filename*=UTF-8''%C3%BC"]
    const { body } = await rig.ask('/add?wrap-with-directory=1', {
      method: 'POST',
      headers: { 'content-type': 'multipart/form-data; charset=utf-8; boundary="b"' },
      body: `${names.map(part).join('')}--b--\r\n`,
    })
    const answered = body.trimEnd().split('\n')
    expect(answered.map((row) => JSON.parse(row).name)).toEqual(['100%.txt', 'a/b c', 'q"q', 'ü', 'a', ''])
  })
})

describe('an add is refused', () => {
  const refused: [why: string, path: string, options: AskOptions, status: number, message: string][] = [
    [
      'without a form',
      '/add',
      { method: 'POST', body: 'x' },
      400,
      "request Content-Type isn't multipart/form-data",
    ],
    [
      'without a boundary',
      '/add',
      { method: 'POST', headers: { 'content-type': 'multipart/form-data' }, body: 'x' },
      400,
      'no multipart boundary param in Content-Type',
    ],
    ['with a bad layout', '/add?layout=x', upload(form([])), 400, 'layout parameter is invalid'],
    ['with a bad format', '/add?format=zip', upload(form([])), 400, 'format parameter is invalid'],
    ['with a bad switch', '/add?progress=yes', upload(form([])), 400, 'parameter progress invalid'],
    ['with a bad CID version', '/add?cid-version=2', upload(form([])), 400, 'parameter cid-version invalid'],
    ['with a bad pin option', '/add?expire-in=1ms', upload(form([])), 400, 'expire-in duration too short'],
    ['sharded', '/add?shard=true', upload(form([])), 400, 'shard=true is not supported yet: add without it'],
    [
      'with nothing in it',
      '/add',
      upload(form([])),
      400,
      'the upload is empty: send at least one file, folder or link',
    ],
    [
      'with an unknown chunker',
      '/add?chunker=bogus',
      upload(form([{ name: 'a', content: 'a' }])),
      400,
      'unrecognized chunker option: bogus',
    ],
    [
      'with an unknown hash function',
      '/add?hash=size-1',
      upload(form([{ name: 'a', content: 'a' }])),
      400,
      'hash function name not known: "size-1"; use one such as sha2-256, sha2-512, blake2b-256, blake3',
    ],
    [
      'of a CAR that is none',
      '/add?format=car',
      upload(form([{ name: 'a', content: 'a' }])),
      400,
      'unexpected EOF: it is no CAR file, or less than the header of one',
    ],
    [
      'wrapped around a CAR',
      '/add?format=car&wrap-with-directory=true',
      upload(form([{ name: 'a', content: 'a' }])),
      400,
      'cannot wrap a CAR file upload',
    ],
    [
      'with a path that leads out',
      '/add',
      upload(form([{ name: 'a/../../b', content: 'a' }])),
      400,
      'the path "a/../../b" of the upload leads out of its folder: send it without ".."',
    ],
  ]
  test.each(refused)('%s', async (_, path, options, status, message) => {
    await using rig = await RestRig.start()
    for (const stream of [true, false]) {
      const query = `${path}${path.includes('?') ? '&' : '?'}stream-channels=${stream}`
      const answer = await rig.ask(query, options)
      expect([answer.status, answer.body]).toEqual([status, `${JSON.stringify({ code: status, message })}\n`])
    }
    expect(rig.service.changes).toEqual([])
  })

  test('when the body is cut short, wherever', async () => {
    await using rig = await RestRig.start()
    const whole = form([
      { name: 'd/a', content: 'aa' },
      { name: 'd/b', content: 'bb' },
    ])
    for (let length = 0; length < whole.length - 4; length += 7) {
      const { status, body, trailers } = await rig.ask('/add', upload(whole.subarray(0, length)))
      const message = status === 200 ? trailers[0]?.[1] : JSON.parse(body).message
      expect([length, message]).toEqual([
        length,
        'the upload was cut short: it ended before its last boundary',
      ])
    }
    expect(rig.service.changes).toEqual([])
  })

  test('while the body still comes, so that the client sees why', async () => {
    await using rig = await RestRig.start()
    const big = Buffer.alloc(20_000_000)
    const body = form([{ name: 'a', content: big }])
    const { status } = await rig.ask('/add?chunker=bogus', upload(body))
    expect(status).toBe(400)
  })

  test('in the trailer when lines are out already', async () => {
    const { add } = createMemoryService()
    await using rig = await RestRig.start(
      {},
      {
        async *add(parts, parameters, options) {
          yield* add(parts, parameters, options)
          throw new Error('cannot pin: no peer')
        },
      },
    )
    const { status, body, trailers } = await rig.ask('/add', upload(form([{ name: 'a', content: 'a' }])))
    expect([status, body.split('\n').length, trailers]).toEqual([
      200,
      2,
      [['X-Stream-Error', 'cannot pin: no peer']],
    ])
  })
})

test('a client that goes away in the middle of its upload ends the add', async () => {
  const ended = Promise.withResolvers<unknown>()
  const { add } = createMemoryService()
  await using rig = await RestRig.start(
    {},
    {
      async *add(parts, parameters, options) {
        try {
          yield* add(parts, parameters, options)
          ended.resolve('added')
        } catch (error) {
          ended.resolve(error)
          throw error
        }
      },
    },
  )
  const socket = connect(rig.port, '127.0.0.1')
  await once(socket, 'connect')
  const body = form([{ name: 'a', content: Buffer.alloc(1_000_000) }])
  socket.write(
    `POST /add HTTP/1.1\r\nHost: x\r\nContent-Type: ${formType}\r\nContent-Length: ${body.length}\r\n\r\n`,
  )
  await new Promise<void>((resolve) => socket.write(body.subarray(0, 500_000), () => resolve()))
  socket.destroy()
  expect(await ended.promise).toBeInstanceOf(Error)
  expect(rig.service.changes).toEqual([])
})
