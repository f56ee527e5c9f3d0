import { describe, expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { CID } from 'multiformats/cid'
import { AnswerSpool } from '../../../core/api/rest/answer-spool.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { form, formType, RestRig } from './rest-rig.ts'

const cid = CID.parse('bafkreienm6gfj72tzla67vwwe2l25nnaaverzuclqmri7wcbdou7ak4y44')

async function readAll(spool: AnswerSpool): Promise<string> {
  const pieces: Buffer[] = []
  for (let bytes = await spool.take(); bytes; bytes = await spool.take()) pieces.push(bytes)
  return Buffer.concat(pieces).toString()
}

describe('an answer that waits for its client', () => {
  test('comes whole and in order, all of it written before any is read', async () => {
    await using folder = await temporaryFolder()
    await using spool = new AnswerSpool(folder.path)
    let expected = ''
    for (let row = 0; row < 50_000; row++) {
      await spool.push(`${row} žluť\n`)
      expected += `${row} žluť\n`
    }
    spool.end()
    expect(spool.length).toBe(Buffer.byteLength(expected))
    expect(await readAll(spool)).toBe(expected)
    expect(await readdir(folder.path)).toEqual([])
  })

  for (let seed = 1; seed <= 20; seed++) {
    test(`comes whole and in order, read now and then while it is written (seed ${seed})`, async () => {
      await using folder = await temporaryFolder()
      await using spool = new AnswerSpool(folder.path)
      const random = new SeededRandom(seed)
      let expected = ''
      const written = (async () => {
        for (let row = 0; row < 300; row++) {
          const text = `${row}${'x'.repeat(random.between(0, 5_000))}\n`
          expected += text
          await spool.push(text)
          if (random.chance(0.1)) await new Promise((resolve) => setImmediate(resolve))
        }
        spool.end()
      })()
      const pieces: Buffer[] = []
      for (let bytes = await spool.take(); bytes; bytes = await spool.take()) {
        pieces.push(bytes)
        for (let turns = random.between(0, 5); turns > 0; turns--) {
          await new Promise((resolve) => setImmediate(resolve))
        }
      }
      await written
      expect(Buffer.concat(pieces).toString()).toBe(expected)
    })
  }

  test('fails when there is no room for it', async () => {
    await using spool = new AnswerSpool('/nowhere')
    await expect(
      spool.push('x'.repeat(1_000_000)).then(() => spool.push('y'.repeat(100_000))),
    ).rejects.toThrow('ENOENT')
  })
})

describe('an upload by a client that reads only after it has sent', () => {
  const files = 10_000
  const content = 'c'.repeat(2_000)
  // Far more than sockets hold, each way.
  const add = async function* (parts: AsyncIterable<{ path: string; content?: AsyncIterable<Uint8Array> }>) {
    for await (const { path, content } of parts) {
      for await (const _ of content ?? []);
      yield { name: `${path} ${'n'.repeat(3_000)}`, cid }
    }
  }

  for (const stream of [true, false]) {
    test(`is answered with a row for each file, ${stream ? 'as a stream' : 'in one array'}`, async () => {
      await using rig = await RestRig.start({}, { add })
      const body = form(Array.from({ length: files }, (_, index) => ({ name: `f${index}`, content })))
      const answer = await sendThenRead(rig.port, `/add?stream-channels=${stream}`, body)
      expect(answer.slice(0, 13)).toBe('HTTP/1.1 200 ')
      const text = answer.slice(answer.indexOf('\r\n\r\n') + 4)
      const rows = stream
        ? text
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line))
        : JSON.parse(text)
      expect(rows.map(({ name }: { name: string }) => name.split(' ')[0])).toEqual(
        Array.from({ length: files }, (_, index) => `f${index}`),
      )
      expect((await readdir(rig.folder)).filter((name) => name.startsWith('.answer'))).toEqual([])
    }, 60_000)
  }
})

/** In HTTP 1.0, whose answers end with the connection. */
async function sendThenRead(port: number, path: string, body: Buffer): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.pause()
  const head = `POST ${path} HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Type: ${formType}\r\nContent-Length: ${body.length}\r\n\r\n`
  socket.write(head)
  await new Promise<void>((resolve) => socket.write(body, () => resolve()))
  const pieces: Buffer[] = []
  for await (const bytes of socket) pieces.push(bytes as Buffer)
  return Buffer.concat(pieces).toString()
}
