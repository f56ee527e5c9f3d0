/** Clients that stop in the middle, or go away, leave nothing behind. */
import { describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { bodyIdleLimit } from '../../../core/api/rest/request-body.ts'
import { DrivenClock } from '../../support/driven-clock.ts'
import { RestRig } from './rest-rig.ts'

const form = 'Content-Type: multipart/form-data; boundary=x\r\n'

/** Sends the beginning of a request and nothing more. */
async function begin(rig: RestRig, text: string): Promise<Socket> {
  const socket = connect(rig.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  await new Promise<void>((resolve) => socket.write(text, () => resolve()))
  return socket
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function readAll(socket: Socket): Promise<string> {
  let text = ''
  for await (const data of socket) text += data
  return text
}

describe('a body that stops coming', () => {
  for (const [what, head] of [
    ['of an upload', `POST /add HTTP/1.1\r\nHost: a\r\n${form}Content-Length: 100\r\n\r\n--x`],
    ['of a peer to add', 'POST /peers HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{'],
  ] as const) {
    test(`${what} is answered 408 after a minute, and not before`, async () => {
      const time = new DrivenClock()
      let waiting = 0
      const scheduler = {
        after: (ms: number, task: () => void) => {
          if (ms === bodyIdleLimit) waiting++
          return time.after(ms, task)
        },
      }
      await using rig = await RestRig.start({}, { add: readingAdd }, scheduler)
      const socket = await begin(rig, head)
      // The first piece has come, and the next is waited for.
      await until(() => waiting >= 2)
      time.run(bodyIdleLimit - 1)
      socket.write(' ')
      await until(() => waiting >= 3)
      time.run(bodyIdleLimit - 1)
      expect(socket.readableLength).toBe(0)
      const answer = readAll(socket)
      time.run(1)
      await until(() => rig.log.some(({ message }) => message === 'request failed'))
      // Then the rest of the body is read away for a moment.
      const timer = setInterval(() => time.run(1_000), 10)
      expect(await answer).toContain('408')
      clearInterval(timer)
    })
  }
})

describe('places of requests', () => {
  test('are free again when clients go that wait for a path, and the search ends', async () => {
    let waiting = 0
    const ends: Promise<unknown>[] = []
    const pinPath = (_path: string, _options: unknown, call?: { signal?: AbortSignal }) => {
      waiting++
      const end = once(call!.signal!, 'abort')
      ends.push(end)
      return end.then(() => Promise.reject(call!.signal!.reason)) as Promise<never>
    }
    await using rig = await RestRig.start({}, { pinPath })
    const path = '/pins/ipfs/QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn/x'
    const sockets = await Promise.all(
      Array.from({ length: 1024 }, () => begin(rig, `POST ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)),
    )
    await until(() => waiting === 1024)
    expect((await rig.ask('/version')).status).toBe(503)
    for (const socket of sockets) socket.destroy()
    await Promise.all(ends)
    await until(async () => (await rig.ask('/version')).status === 200)
  })

  test('are free when clients have gone, also while a handler that takes no notice goes on', async () => {
    const late = Promise.withResolvers<never>()
    late.promise.catch(() => undefined)
    let waiting = 0
    const pinPath = () => {
      waiting++
      return late.promise
    }
    await using rig = await RestRig.start({}, { pinPath })
    const path = '/pins/ipfs/QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn/x'
    const sockets = await Promise.all(
      Array.from({ length: 1024 }, () => begin(rig, `POST ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)),
    )
    await until(() => waiting === 1024)
    for (const socket of sockets) socket.destroy()
    await until(async () => (await rig.ask('/version')).status === 200)
    late.reject(new Error('the peer is stopping'))
  })
})

/** Reads the upload and answers nothing. */
async function* readingAdd(parts: AsyncIterable<unknown>) {
  for await (const _ of parts);
  yield* []
}
