/** Bitswap on a libp2p host: what one peer may make another hold in memory. */
import { expect, test } from 'bun:test'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { startBitswap } from '../../../core/network/bitswap.ts'
import { encrypters } from '../../../core/network/encrypters.ts'

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

function field(number: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  for (; value >= 0x80; value >>= 7) bytes.push((value & 0x7f) | 0x80)
  return Uint8Array.from([...bytes, value])
}
