import { expect, test } from 'bun:test'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { CID } from 'multiformats/cid'
import type { Pin } from '../../../core/pin/pin.ts'
import { RestRig } from './rest-rig.ts'

const cid = CID.parse('bafkreienm6gfj72tzla67vwwe2l25nnaaverzuclqmri7wcbdou7ak4y44')
const pin: Pin = {
  replicationFactorMin: -1,
  replicationFactorMax: -1,
  name: 'a pin',
  mode: 'recursive',
  shardSize: 0n,
  userAllocations: [],
  metadata: {},
  origins: [],
  cid,
  type: 'data',
  allocations: [],
  maxDepth: -1,
}

async function ask(port: number, path: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  return socket
}

async function readUntil(socket: Socket, end: string): Promise<string> {
  let text = ''
  while (!text.includes(end)) {
    const [data] = await once(socket, 'data')
    text += data
  }
  return text
}

/** A source of rows that counts them, and knows when it was left. */
class CountedRows {
  count = 0
  readonly left = Promise.withResolvers<void>()

  async *endless(signal: AbortSignal | undefined): AsyncGenerator<Pin> {
    try {
      while (!signal?.aborted) {
        this.count++
        yield pin
      }
    } finally {
      this.left.resolve()
    }
  }

  /** Resolves when no row was asked for during some turns of the event loop. */
  async stalled(): Promise<void> {
    for (let before = -1, turns = 0; turns < 20; turns++) {
      if (this.count !== before) turns = 0
      before = this.count
      await Bun.sleep(2)
    }
  }
}

test('rows go out at once when their source pauses', async () => {
  const more = Promise.withResolvers<void>()
  await using rig = await RestRig.start(
    {},
    {
      async *allocations() {
        yield pin
        await more.promise
        yield { ...pin, name: 'the second' }
      },
    },
  )
  const socket = await ask(rig.port, '/allocations')
  expect(await readUntil(socket, '}\n')).not.toContain('the second')
  more.resolve()
  expect(await readUntil(socket, '\r\n0\r\n')).toContain('the second')
  socket.destroy()
})

test('rows that come fast share their writes', async () => {
  await using rig = await RestRig.start(
    {},
    {
      async *allocations() {
        for (let row = 0; row < 2_000; row++) yield pin
      },
    },
  )
  const socket = await ask(rig.port, '/allocations')
  const answer = await readUntil(socket, '\r\n0\r\n')
  socket.destroy()
  expect(answer.split('"a pin"').length - 1).toBe(2_000)
  const chunks = answer.match(/\r\n[0-9a-f]+\r\n/g)!
  expect(chunks.length).toBeLessThan(50)
})

test('a source that never waits does not keep other requests out', async () => {
  const rows = new CountedRows()
  await using rig = await RestRig.start({}, { allocations: (_, options) => rows.endless(options?.signal) })
  const socket = await ask(rig.port, '/allocations')
  socket.resume()
  for (let request = 0; request < 3; request++) expect((await rig.ask('/version')).status).toBe(200)
  socket.destroy()
  await rows.left.promise
})

test('a client that does not read holds the source back, and one that goes away ends it', async () => {
  const rows = new CountedRows()
  const seen: AbortSignal[] = []
  await using rig = await RestRig.start(
    {},
    {
      allocations(_, options) {
        seen.push(options!.signal!)
        return rows.endless(options?.signal)
      },
    },
  )
  const socket = await ask(rig.port, '/allocations')
  socket.pause()
  await rows.stalled()
  expect(rows.count).toBeGreaterThan(100)
  expect(rows.count).toBeLessThan(100_000)
  expect(seen[0]!.aborted).toBe(false)
  socket.destroy()
  await rows.left.promise
  expect(seen[0]!.aborted).toBe(true)
})

for (const [what, leave] of [
  ['a client that goes away cancels what it waits for', (socket: Socket) => socket.destroy()],
  // `end` sends the same as `destroy`: that no more comes.
  ['a client that closes its sending side is taken for gone', (socket: Socket) => socket.end()],
] as const) {
  test(what, async () => {
    const asked = Promise.withResolvers<AbortSignal>()
    await using rig = await RestRig.start(
      {},
      {
        identity: ({ signal } = {}) =>
          new Promise((_, reject) => {
            signal!.addEventListener('abort', () => reject(signal!.reason))
            asked.resolve(signal!)
          }),
      },
    )
    const socket = await ask(rig.port, '/id')
    const signal = await asked.promise
    leave(socket)
    if (!signal.aborted) await once(signal, 'abort')
    expect(signal.reason.message).toBe('the client is gone')
  })
}

test('a stream that fails over HTTP 1.0, which has no trailers, is cut off', async () => {
  await using rig = await RestRig.start(
    {},
    {
      async *allocations() {
        yield pin
        throw new Error('the disk is gone')
      },
    },
  )
  const answer = await rig.askRaw('GET /allocations HTTP/1.0\r\nHost: x\r\n\r\n')
  expect(answer).not.toContain('Trailer')
  expect(answer).not.toContain('the disk is gone')
})
