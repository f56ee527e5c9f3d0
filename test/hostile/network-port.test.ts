/**
 * Whatever arrives at the port of a peer, at whatever stage of a connection, costs a connection at most: the process lives,
 * serves others, and does not grow. `CLUSTER_FUZZ_INPUTS` sets the number of inputs, `CLUSTER_FUZZ_SEED` the seed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { rpc } from '../../core/network/rpc/methods.ts'
import { SeededRandom } from '../sim/seeded-random.ts'
import { eventually, type NetworkPeer, startNetworkPeer } from '../support/network-peer.ts'
import { Attacker, noiseLine, plainSocket, privateSocket, tlsLine, yamuxLine } from './attacker.ts'
import { broken } from './inputs.ts'
import { goodMessages } from './protocol-messages.ts'

const inputs = Number(process.env.CLUSTER_FUZZ_INPUTS ?? 3_000)
const seed = Number(process.env.CLUSTER_FUZZ_SEED ?? 1)
/** Bytes that the process may have in the end, after however many inputs. */
const mostMemory = 512 * 1024 * 1024
const timeout = 60_000 + inputs * 10

interface Target {
  address: string
  id: string
  head: string
  ask(): Promise<{ memory: number; refused: Record<string, number> }>
}

describe(`a peer outlives (seed ${seed})`, () => {
  let stack: AsyncDisposableStack
  let target: Target
  let port: number
  let honest: NetworkPeer

  beforeAll(async () => {
    stack = new AsyncDisposableStack()
    target = stack.use(await startTarget())
    port = Number(/tcp\/(\d+)/.exec(target.address)![1])
    honest = stack.use(await startNetworkPeer({ settings: { peerAddresses: [target.address] } }))
    await expectAlive()
  }, timeout)
  afterAll(() => stack.disposeAsync(), timeout)

  test(
    'anything in place of the private network',
    () => raw(0.15, (random) => ({ socket: plainSocket(port), bytes: random.bytes(random.between(0, 200)) })),
    timeout,
  )

  test(
    'anything in place of the negotiation of protocols',
    () =>
      raw(0.15, (random) => ({
        socket: privateSocket(port, random),
        bytes: broken(greeting(random), random),
      })),
    timeout,
  )

  for (const [name, line] of [
    ['TLS', tlsLine],
    ['noise', noiseLine],
  ] as const) {
    test(
      `anything after ${name} was chosen`,
      () =>
        raw(0.05, (random) => ({
          socket: privateSocket(port, random),
          bytes: Buffer.concat([line, random.bytes(random.between(0, 600))]),
        })),
      timeout,
    )
  }

  test(
    'anything in place of frames of yamux',
    async () => {
      await using attacker = await Attacker.create()
      const random = new SeededRandom(seed, 5)
      const frame = Uint8Array.from([0, 1, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0])
      for (let count = 0; count < inputs * 0.01; count++) {
        await attacker.dial(target.address)
        attacker.sendUnframed(broken(frame, random))
        await attacker.hangUp()
      }
      await expectAlive()
    },
    timeout,
  )

  test(
    'anything on a stream of any protocol',
    async () => {
      await attackStreams(Math.floor(inputs * 0.59), new SeededRandom(seed, 6))
      await expectAlive()
    },
    timeout,
  )

  test(
    'connections with another secret, and tells of them',
    async () => {
      await using stranger = await startNetworkPeer({ settings: { secret: '43'.repeat(32) } })
      stranger.network.addPeerAddresses([target.address], 'test')
      const began = performance.now()
      const error = await stranger.network.connect(target.id).catch((cause: unknown) => cause)
      expect(error).toMatchObject({ name: 'SecretMismatchError' })
      expect(String(error)).toContain('fingerprint')
      expect(performance.now() - began).toBeLessThan(4_000)
      await eventually(
        'counted',
        async () => ((await target.ask()).refused['unreadable connection'] ?? 0) > 0,
      )
      await expectAlive()
    },
    timeout,
  )

  test('all of that in bounded memory, and has counted it', async () => {
    const { memory, refused } = await target.ask()
    expect(memory).toBeLessThan(mostMemory)
    const kinds = ['broken connection', 'broken pubsub message', 'broken stream', 'unreadable connection']
    expect(Object.keys(refused)).toEqual(expect.arrayContaining(kinds))
  })

  /** Sends a share of all inputs over sockets of their own. */
  async function raw(
    share: number,
    next: (random: SeededRandom) => { socket: ReturnType<typeof plainSocket>; bytes: Uint8Array },
  ): Promise<void> {
    const random = new SeededRandom(seed, Math.round(share * 1_000))
    let left = Math.floor(inputs * share)
    const worker = async () => {
      while (left-- > 0) {
        const { socket, bytes } = next(random)
        await (await socket).finish(bytes, random)
      }
    }
    await Promise.all(Array.from({ length: 32 }, worker))
    await expectAlive()
  }

  async function attackStreams(count: number, random: SeededRandom): Promise<void> {
    await using attacker = await Attacker.create()
    const good = goodMessages(target.head)
    let left = count
    let sent = 0
    const worker = async () => {
      while (left-- > 0) {
        const [protocol, messages] = random.pick(good)
        const bytes = broken(random.pick(messages), random)
        if (await attacker.sendOnStream(target.address, protocol, bytes, random)) sent++
      }
    }
    await Promise.all(Array.from({ length: 16 }, worker))
    expect(sent).toBeGreaterThan(count / 2)
  }

  /** It answers an honest peer, and one that only now comes. */
  async function expectAlive(): Promise<void> {
    expect(await honest.network.call(target.id, rpc.version, {}, { timeout: 10_000 })).toEqual({ v: 'alive' })
    await using newcomer = await startNetworkPeer({ settings: { peerAddresses: [target.address] } })
    expect(await newcomer.network.call(target.id, rpc.version, {}, { timeout: 10_000 })).toEqual({
      v: 'alive',
    })
  }

  function greeting(random: SeededRandom): Uint8Array {
    return random.pick([tlsLine, noiseLine, yamuxLine, Buffer.concat([tlsLine, tlsLine])])
  }
})

async function startTarget(): Promise<Target & AsyncDisposable> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'target.ts')], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const lines = createInterface({ input: Readable.fromWeb(child.stdout as never) })[Symbol.asyncIterator]()
  const read = async () => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`the attacked process has ended with ${await child.exited}`)
    return JSON.parse(value)
  }
  return {
    ...(await read()),
    async ask() {
      child.stdin.write('how are you\n')
      return await read()
    },
    async [Symbol.asyncDispose]() {
      await child.stdin.end()
      expect(await child.exited).toBe(0)
    },
  }
}
