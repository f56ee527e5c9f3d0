/** Somebody who holds the cluster secret and breaks every rule after that; or does not hold it. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { identify } from '@libp2p/identify'
import type { Connection, Libp2p, MessageStream, StreamMuxerFactory } from '@libp2p/interface'
import { preSharedKey } from '@libp2p/pnet'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { xsalsa20 } from '@noble/ciphers/salsa.js'
import { createLibp2p } from 'libp2p'
import { encrypters } from '../../core/network/encrypters.ts'
import { swarmKey } from '../../core/network/private-network.ts'
import type { SeededRandom } from '../sim/seeded-random.ts'
import { testSecret } from '../support/network-peer.ts'

const secret = Uint8Array.from(Buffer.from(testSecret, 'hex'))

/** A line of the negotiation of protocols. */
const line = (text: string) => Buffer.concat([Buffer.from([text.length + 1]), Buffer.from(`${text}\n`)])
const hello = line('/multistream/1.0.0')
export const tlsLine = Buffer.concat([hello, line('/tls/1.0.0')])
export const noiseLine = Buffer.concat([hello, line('/noise')])
export const yamuxLine = Buffer.concat([hello, line('/yamux/1.0.0')])

export interface RawSocket {
  /** Sends the bytes in pieces, ends in one way or another, and resolves when the socket is closed. */
  finish(bytes: Uint8Array, random: SeededRandom): Promise<void>
}

export async function plainSocket(port: number): Promise<RawSocket> {
  const socket = await open(port)
  return { finish: (bytes, random) => finish(socket, bytes, random) }
}

/** After a sound opening of the private network. */
export async function privateSocket(port: number, random: SeededRandom): Promise<RawSocket> {
  const socket = await open(port)
  const nonce = random.bytes(24)
  return {
    finish: (bytes) =>
      finish(socket, Buffer.concat([nonce, xsalsa20(secret, nonce, Uint8Array.from(bytes))]), random),
  }
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.resume()
  await once(socket, 'connect')
  return socket
}

async function finish(socket: Socket, bytes: Uint8Array, random: SeededRandom): Promise<void> {
  const closed = new Promise((resolve) => socket.once('close', resolve))
  const cut = random.between(0, bytes.length)
  socket.write(bytes.subarray(0, cut))
  socket.write(bytes.subarray(cut))
  if (random.chance(0.5)) {
    // An end is sent behind the bytes, a reset may overtake them.
    socket.end()
  } else {
    await new Promise((resolve) => setImmediate(resolve))
    socket.resetAndDestroy()
  }
  await closed
}

export class Attacker implements AsyncDisposable {
  readonly #host: Libp2p
  readonly #secured: MessageStream[]

  private constructor(host: Libp2p, secured: MessageStream[]) {
    this.#host = host
    this.#secured = secured
  }

  static async create(): Promise<Attacker> {
    const secured: MessageStream[] = []
    const host = await createLibp2p({
      transports: [tcp()],
      connectionEncrypters: encrypters() as never,
      streamMuxers: [spiedYamux(secured)],
      connectionProtector: preSharedKey({ psk: Buffer.from(swarmKey(secret)) }),
      connectionMonitor: { enabled: false },
      services: { identify: identify() },
    })
    return new Attacker(host, secured)
  }

  async dial(address: string): Promise<Connection> {
    return await this.#host.dial(multiaddr(address))
  }

  /** Sends bytes on the newest secured connection, below the multiplexing. */
  sendUnframed(bytes: Uint8Array): void {
    const stream = this.#secured.at(-1)
    if (stream?.status === 'open') stream.send(bytes)
  }

  async hangUp(): Promise<void> {
    this.#secured.length = 0
    await Promise.all(this.#host.getConnections().map((each) => each.close().catch(() => undefined)))
  }

  /** Opens a stream, sends, and ends it in one way or another. False when the other side did not let it. */
  async sendOnStream(
    address: string,
    protocol: string,
    bytes: Uint8Array,
    random: SeededRandom,
  ): Promise<boolean> {
    const connection = await this.dial(address)
    try {
      const stream = await connection.newStream(protocol)
      const cut = random.between(0, bytes.length)
      stream.send(bytes.subarray(0, cut))
      if (stream.writeStatus === 'writable') stream.send(bytes.subarray(cut))
      if (random.chance(0.6)) await stream.close({ signal: AbortSignal.timeout(2_000) })
      // The others are left as they are.
      if (random.chance(0.95)) stream.abort(new Error('enough'))
      return true
    } catch (error) {
      // The other side has closed it; a new one is made for the next.
      if (error instanceof Error && error.name === 'ConnectionClosedError') connection.abort(error)
      return false
    }
  }

  /**
   * Opens a stream, sends, and leaves it as it is, or `ended` on this side. False when the other side did not let it.
   */
  async begin(address: string, protocol: string, bytes: Uint8Array, ended = false): Promise<boolean> {
    const connection = await this.dial(address)
    try {
      const stream = await connection.newStream(protocol, { maxOutboundStreams: Number.POSITIVE_INFINITY })
      if (bytes.length > 0) stream.send(bytes)
      if (ended) await stream.close({ signal: AbortSignal.timeout(2_000) })
      return true
    } catch (error) {
      if (error instanceof Error && error.name === 'ConnectionClosedError') connection.abort(error)
      return false
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host.stop()
  }
}

/** Yamux, and the connections that it runs on. */
function spiedYamux(secured: MessageStream[]) {
  return (): StreamMuxerFactory => {
    const factory = yamux()() as StreamMuxerFactory
    const { createStreamMuxer } = factory
    return Object.assign(factory, {
      createStreamMuxer(connection: MessageStream) {
        secured.push(connection)
        return createStreamMuxer.call(factory, connection)
      },
    })
  }
}
