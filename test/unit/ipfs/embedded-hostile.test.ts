/** Whatever arrives at the port of the embedded node costs a connection, never the process. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { EmbeddedIpfs } from '../../../core/ipfs/embedded/embedded-ipfs.ts'
import { encrypters } from '../../../core/network/encrypters.ts'
import { systemRandom } from '../../../core/runtime/system.ts'
import { expectIpfsError } from './compliance-calls.ts'
import { startNode, temporaryFolder } from './embedded-node.ts'

/** Negotiation of protocols: a line with its length before it. */
const line = (text: string) => Buffer.concat([Buffer.from([text.length + 1]), Buffer.from(`${text}\n`)])
const hello = line('/multistream/1.0.0')

interface Opening {
  /** After the greeting of protocol negotiation. */
  greeted?: boolean
  pieces: Buffer[]
}

describe('the port of the embedded node outlives', () => {
  let stack: AsyncDisposableStack
  let node: EmbeddedIpfs
  let address: string
  let port: number

  beforeAll(async () => {
    stack = new AsyncDisposableStack()
    node = stack.use(await startNode(stack.use(await temporaryFolder()).path))
    address = (await node.id()).addresses[0]!
    port = Number(/tcp\/(\d+)/.exec(address)![1])
  })
  afterAll(() => stack.disposeAsync())

  const openings: Record<string, Opening> = {
    nothing: { pieces: [] },
    'random bytes': { pieces: [Buffer.from(systemRandom.bytes(4_096))] },
    'an HTTP request': { pieces: [Buffer.from('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')] },
    'a line that never ends': {
      greeted: true,
      pieces: [Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(65_536, 0x61)],
    },
    'an unknown protocol': { greeted: true, pieces: [line('/nothing/1.0.0')] },
    'TLS chosen, then random bytes': {
      greeted: true,
      pieces: [line('/tls/1.0.0'), Buffer.from(systemRandom.bytes(4_096))],
    },
    'TLS chosen, then a record of zeros': {
      greeted: true,
      pieces: [line('/tls/1.0.0'), Buffer.from('16030100050000000000', 'hex')],
    },
    'noise chosen, then random bytes': {
      greeted: true,
      pieces: [line('/noise'), Buffer.from(systemRandom.bytes(4_096))],
    },
    'noise chosen, then an empty message': { greeted: true, pieces: [line('/noise'), Buffer.alloc(2)] },
  }
  for (const [name, opening] of Object.entries(openings)) {
    for (const end of ['end', 'reset'] as const) {
      test(`${name}, then ${end === 'end' ? 'an orderly end' : 'a reset'}`, async () => {
        await Promise.all(Array.from({ length: 3 }, () => send(port, opening, end)))
        await expectAlive()
      })
    }
  }

  test('a TLS handshake without a certificate', async () => {
    const socket = await greet(port)
    socket.write(line('/tls/1.0.0'))
    await once(socket, 'data')
    const secure = connectTls({ socket, rejectUnauthorized: false, ALPNProtocols: ['libp2p'] })
    secure.on('error', () => undefined)
    await once(secure, 'close').catch(() => undefined)
    await expectAlive()
  })

  describe('after a sound handshake,', () => {
    let stranger: Libp2p

    beforeAll(async () => {
      stranger = await createLibp2p({
        transports: [tcp()],
        connectionEncrypters: encrypters() as never,
        streamMuxers: [yamux()],
        services: { identify: identify() },
      })
      stack.defer(async () => void (await stranger.stop()))
    })

    const messages: Record<string, Buffer> = {
      'random bytes': Buffer.from(systemRandom.bytes(4_096)),
      'a length of many gigabytes': Buffer.from('ffffffffffff7f', 'hex'),
      'a message that is no protobuf': Buffer.concat([Buffer.from([5]), Buffer.from('ffffffffff', 'hex')]),
      'a want of what is no CID': Buffer.from('0a0a080a060a04ffffffff10', 'hex'),
      'a block with an unknown hash': Buffer.from('0c1a0a0a04015599200012021234', 'hex'),
      'a block with a prefix that is none': Buffer.from('081a060a01ff120100', 'hex'),
    }
    for (const protocol of [
      '/ipfs/bitswap/1.2.0',
      '/ipfs/id/1.0.0',
      '/ipfs/id/push/1.0.0',
      '/ipfs/ping/1.0.0',
    ]) {
      for (const [name, bytes] of Object.entries(messages)) {
        test(`${name} to ${protocol}`, async () => {
          const stream = await (await dial(stranger, address)).newStream(protocol)
          // The node may have said all it has to say there, and have closed the stream.
          if (stream.writeStatus === 'writable') stream.send(bytes)
          await stream.close({ signal: AbortSignal.timeout(1_000) }).catch(() => undefined)
          stream.abort(new Error('enough'))
          await expectAlive()
        })
      }
    }

    test('a connection that is torn down while streams are opened', async () => {
      for (let round = 0; round < 5; round++) {
        const connection = await dial(stranger, address)
        const streams = Array.from({ length: 20 }, () =>
          connection.newStream('/ipfs/bitswap/1.2.0').catch(() => undefined),
        )
        connection.abort(new Error('enough'))
        await Promise.all(streams)
      }
      await expectAlive()
    })
  })

  test('dials of its own that are given up at any moment', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { id } = await node.id()
    const nobody = `/ip4/127.0.0.1/tcp/${(silent.address() as AddressInfo).port}/p2p/${id.slice(0, -4)}abcd`
    for (let turns = 0; turns < 30; turns++) {
      const abort = new AbortController()
      const call = node.connect(nobody, { signal: abort.signal })
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      abort.abort(new Error('given up'))
      await expectIpfsError(call, 'aborted')
    }
    silent.close()
    await expectAlive()
  })

  async function expectAlive(): Promise<void> {
    const socket = await greet(port)
    socket.destroy()
    expect((await node.id()).id).not.toBe('')
  }
})

/** The node takes some connections a second from one address, no more. */
async function dial(host: Libp2p, address: string): Promise<Connection> {
  for (;;) {
    const connection = await host.dial(multiaddr(address)).catch(() => undefined)
    if (connection !== undefined) return connection
  }
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** A connection that the node has taken and answered on. */
async function greet(port: number): Promise<Socket> {
  for (;;) {
    const socket = await open(port)
    socket.write(hello, () => undefined)
    const answer = Promise.withResolvers<Buffer | undefined>()
    socket.once('data', answer.resolve)
    socket.once('close', () => answer.resolve(undefined))
    const bytes = await answer.promise
    if (bytes !== undefined) {
      expect(bytes.toString()).toContain('/multistream/1.0.0')
      return socket
    }
  }
}

/** Resolves when the connection is closed. */
async function send(port: number, { greeted, pieces }: Opening, end: 'end' | 'reset'): Promise<void> {
  const socket = await (greeted ? greet(port) : open(port))
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.resume()
  for (const piece of pieces) {
    if (!socket.destroyed) await new Promise<void>((resolve) => socket.write(piece, () => resolve()))
  }
  if (end === 'end') socket.end()
  else socket.resetAndDestroy()
  await closed
}
