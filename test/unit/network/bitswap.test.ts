/** Bitswap on a libp2p host: what one peer may make another hold in memory. */
import { expect, test } from 'bun:test'
import { identify } from '@libp2p/identify'
import type { Libp2p, MessageStream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { startBitswap } from '../../../core/network/bitswap.ts'
import { encrypters } from '../../../core/network/encrypters.ts'
import { eventually } from '../../support/network-peer.ts'

const blockSize = 512 * 1024
const protocol = '/ipfs/bitswap/1.2.0'

test('a peer that wants much and reads nothing makes the other load a few blocks only', async () => {
  await using server = await startHost()
  await using client = await startHost()
  let loaded = 0
  const served = { has: () => true, get: () => new Uint8Array(blockSize).fill(++loaded) }
  await using _ = await startBitswap(server.host, served, () => undefined)
  const answering = Promise.withResolvers<void>()
  await client.host.handle(protocol, (stream) => {
    stream.pause()
    answering.resolve()
  })
  const stream = await client.host.dialProtocol(server.host.getMultiaddrs(), protocol)
  stream.send(await wantlist(1_000))
  await answering.promise
  // Ten round trips are more than enough to load all, if nothing held it back.
  for (let round = 0; round < 10; round++)
    await client.host.services.identify.identify(client.host.getConnections()[0]!)
  expect(loaded).toBeGreaterThan(0)
  expect(loaded * blockSize).toBeLessThanOrEqual(8 * 1024 * 1024)
})

test('messages that do not end take the room of one peer and no more, and leave nothing when it goes away', async () => {
  await using server = await startHost()
  await using client = await startHost()
  await using bitswap = await startBitswap(server.host, nothing, () => undefined)
  const connection = await client.host.dial(server.host.getMultiaddrs())
  const unended = Buffer.concat([varint(4 * 1024 * 1024 - 10), new Uint8Array(3 * 1024 * 1024)])
  let most = 0
  const streams: MessageStream[] = []
  for (let count = 0; count < 8; count++) {
    const stream = await connection.newStream(protocol)
    stream.send(unended)
    streams.push(stream)
    await eventually('the message came, or was refused', async () => {
      most = Math.max(most, bitswap.partialBytes)
      return stream.status !== 'open' || stream.writeBufferLength === 0
    })
  }
  await eventually('one was refused', async () => {
    most = Math.max(most, bitswap.partialBytes)
    return streams.some(({ status }) => status !== 'open')
  })
  expect(most).toBeGreaterThan(12 * 1024 * 1024)
  expect(most).toBeLessThanOrEqual(20 * 1024 * 1024)
  await connection.close()
  await eventually('the room is free', async () => bitswap.partialBytes === 0)
})

test('messages that end leave nothing in the room', async () => {
  await using server = await startHost()
  await using client = await startHost()
  const asked: string[] = []
  const served = { ...nothing, has: (cid: CID) => asked.push(cid.toString()) < 0 }
  await using bitswap = await startBitswap(server.host, served, () => undefined)
  const stream = await client.host.dialProtocol(server.host.getMultiaddrs(), protocol)
  stream.send(await wantlist(10))
  await eventually('all were looked for', async () => asked.length === 10)
  expect(bitswap.partialBytes).toBe(0)
  expect(stream.status).toBe('open')
})

test('of a long list of wants the first 8,192 are read, and the peer stays connected', async () => {
  await using server = await startHost()
  await using client = await startHost()
  const asked = new Set<number>()
  const served = { ...nothing, has: (cid: CID) => asked.add(numberOf(cid)).size < 0 }
  await using _ = await startBitswap(server.host, served, () => undefined)
  const stream = await client.host.dialProtocol(server.host.getMultiaddrs(), protocol)
  stream.send(shortWants(10_000))
  await eventually('the wants that are kept were looked for', async () => asked.size >= 1_024)
  await client.host.services.identify.identify(client.host.getConnections()[0]!)
  expect(Math.max(...asked)).toBe(8_191)
  expect(server.host.getConnections()).toHaveLength(1)
})

test('a peer that sends more wants than any implementation does is dropped, and none of them is looked for', async () => {
  await using server = await startHost()
  await using client = await startHost()
  const asked = new Set<string>()
  const served = { ...nothing, has: (cid: CID) => asked.add(cid.toString()).size < 0 }
  await using _ = await startBitswap(server.host, served, () => undefined)
  const stream = await client.host.dialProtocol(server.host.getMultiaddrs(), protocol)
  stream.send(shortWants(70_000))
  await eventually('it is dropped', async () => server.host.getConnections().length === 0)
  expect(asked.size).toBe(0)
})

const nothing = { has: () => false, get: () => undefined }

type TestHost = Libp2p<{ identify: ReturnType<ReturnType<typeof identify>> }>

async function startHost(): Promise<AsyncDisposable & { host: TestHost }> {
  const host = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: encrypters() as never,
    streamMuxers: [yamux()],
    services: { identify: identify() },
  })
  return { host, [Symbol.asyncDispose]: async () => void (await host.stop()) }
}

/** A bitswap message with its length, that wants `count` blocks. */
async function wantlist(count: number): Promise<Uint8Array> {
  const entries = await Promise.all(
    Array.from({ length: count }, async (_, number) => {
      const cid = CID.createV1(0x55, await sha256.digest(Uint8Array.of(number & 0xff, number >> 8)))
      return field(1, Buffer.concat([field(1, cid.bytes), Buffer.from([0x10, 1])]))
    }),
  )
  const message = field(1, Buffer.concat(entries))
  return Buffer.concat([varint(message.length), message])
}

/** As `wantlist`, as small as wants can be: each holds its own number. */
function shortWants(count: number): Uint8Array {
  const entries = Array.from({ length: count }, (_, number) => {
    const digest = [number & 0xff, (number >> 8) & 0xff, number >> 16]
    return field(1, field(1, Uint8Array.from([1, 0x55, 0, 3, ...digest])))
  })
  const message = field(1, Buffer.concat(entries))
  return Buffer.concat([varint(message.length), message])
}

function numberOf(cid: CID): number {
  const [low, middle, high] = cid.multihash.digest as unknown as [number, number, number]
  return low + (middle << 8) + (high << 16)
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (; value >= 0x80; value >>= 7) bytes.push((value & 0x7f) | 0x80)
  return Uint8Array.from([...bytes, value])
}
