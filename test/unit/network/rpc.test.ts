import { describe, expect, test } from 'bun:test'
import { callStream, callUnary, encoded, joined } from '../../../core/network/rpc/client.ts'
import { addressToWire, identityFromWire } from '../../../core/network/rpc/conversion.ts'
import { RpcError, RpcStreamError } from '../../../core/network/rpc/errors.ts'
import type { RpcContext, StreamMethod, UnaryMethod } from '../../../core/network/rpc/method.ts'
import { rpc } from '../../../core/network/rpc/methods.ts'
import { MsgpackReader } from '../../../core/network/rpc/msgpack.ts'
import { type AnyHandler, RpcServer } from '../../../core/network/rpc/server.ts'
import { type RpcStream, ValueReader } from '../../../core/network/rpc/value-reader.ts'
import { WaitingRoom } from '../../../core/network/rpc/waiting-room.ts'
import { responseWire, serviceIdWire } from '../../../core/network/rpc/wire-types.ts'
import type { Logger, Scheduler } from '../../../core/runtime/ports.ts'
import { systemScheduler } from '../../../core/runtime/system.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import vectors from '../../vectors/gorpc.json'

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, component: () => quiet }
const fromHex = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'))
const toHex = (data: Uint8Array) => Buffer.from(data).toString('hex')
const methods = new Map<string, UnaryMethod<unknown, unknown> | StreamMethod<unknown, unknown>>(
  Object.values(rpc).map((method) => [method.name, method as UnaryMethod<unknown, unknown>]),
)

/** A stream whose other side has said `input`, in pieces of `step` bytes, and remembers what is written to it. */
function scripted(input: Uint8Array, step: number, holdsOpen = false) {
  const written: Uint8Array[] = []
  const events: string[] = []
  const held = Promise.withResolvers<void>()
  const stream: RpcStream = {
    source: (async function* () {
      for (let at = 0; at < input.length; at += step) yield input.subarray(at, at + step)
      if (holdsOpen) await held.promise
    })(),
    async write(bytes) {
      written.push(bytes)
    },
    async closeWrite() {
      events.push('close write')
    },
    abort(error) {
      events.push(`abort: ${error.message}`)
      held.resolve()
    },
  }
  return {
    stream,
    events,
    hangUp: () => held.resolve(),
    sent: () => toHex(new Uint8Array(Buffer.concat(written))),
  }
}

interface Recorded {
  title: string
  method: UnaryMethod<unknown, unknown> | StreamMethod<unknown, unknown>
  request: Uint8Array
  response: Uint8Array
}

/** Streams of methods that peers may call, each with both directions recorded whole. */
const recorded: Recorded[] = vectors.calls.flatMap((call) =>
  (call.streams as { request_hex?: string; response_hex?: string }[]).flatMap((stream, index) => {
    if (stream.request_hex === undefined || stream.response_hex === undefined) return []
    const request = fromHex(stream.request_hex)
    const service = serviceIdWire.read(new MsgpackReader(request))
    const method = methods.get(`${service.Name}.${service.Method}`)
    return method === undefined
      ? []
      : [{ title: `${call.name} ${index + 1}`, method, request, response: fromHex(stream.response_hex) }]
  }),
)

async function valuesOf(bytes: Uint8Array, codecs: (index: number) => Parameters<ValueReader['next']>[0]) {
  const values: unknown[] = []
  const reader = new ValueReader(
    (async function* () {
      yield bytes
    })(),
  )
  for (let index = 0; ; index++) {
    const value = await reader.nextOrEnd(codecs(index))
    if (typeof value === 'symbol') return values
    values.push(value)
  }
}

const argumentsOf = async ({ request, method }: Recorded) =>
  (await valuesOf(request, (index) => (index === 0 ? serviceIdWire : method.argument))).slice(1)
const succeeded = ({ response }: Recorded) =>
  response.length === 0 || (responseWire.read(new MsgpackReader(response)).Error ?? '') === ''
const repliesOf = async ({ response, method }: Recorded) =>
  (await valuesOf(response, (index) => (index % 2 === 0 ? responseWire : method.reply))).filter(
    (_, i) => i % 2 === 1,
  )

describe('a call as the Go client makes it', () => {
  // The Go client itself never writes the newer form; its server takes it.
  const byGo = recorded.filter((call) => succeeded(call) && !call.title.includes('newer msgpack form'))
  for (const each of byGo) {
    for (const step of [1, 7, 100_000]) {
      test(`${each.title}: sends and reads the recorded bytes, ${step} at a time`, async () => {
        const wire = scripted(each.response, step)
        const sent = await argumentsOf(each)
        const replies: unknown[] = []
        const signal = new AbortController().signal
        if (each.method.kind === 'unary')
          replies.push(await callUnary(wire.stream, each.method, sent[0] ?? {}, signal))
        else for await (const reply of callStream(wire.stream, each.method, sent, signal)) replies.push(reply)
        expect(wire.sent()).toBe(toHex(each.request))
        expect(replies).toEqual(await repliesOf(each))
        expect(wire.events).toEqual(['close write'])
      })
    }
  }
  test('covers unary and streaming methods', () => {
    const kinds = recorded.filter(succeeded).map((each) => each.method.kind)
    expect(kinds.filter((kind) => kind === 'unary').length).toBeGreaterThan(4)
    expect(kinds.filter((kind) => kind === 'stream').length).toBeGreaterThan(4)
  })
  test('reports the error of the other side with its kind', async () => {
    const refusal = recorded.find((each) => each.title === 'PinTracker.Status unauthorized 1')!
    const [argument] = await argumentsOf(refusal)
    const wire = scripted(refusal.response, 3)
    const call = callUnary(wire.stream, rpc.status, argument as never, new AbortController().signal)
    const error = await call.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(RpcError)
    expect(error).toMatchObject({ kind: 'authorization' })
  })
  test('reports a stream that ends within the answer', async () => {
    const whole = recorded.find((each) => each.title === 'Cluster.ID 1')!
    const wire = scripted(whole.response.subarray(0, -5), 50)
    const call = callUnary(wire.stream, rpc.id, {}, new AbortController().signal)
    await expect(call).rejects.toBeInstanceOf(RpcStreamError)
  })
  test('is cancelled by its signal', async () => {
    const wire = scripted(new Uint8Array(0), 1, true)
    const cancel = new AbortController()
    const call = callUnary(wire.stream, rpc.id, {}, cancel.signal)
    cancel.abort(new Error('no time left'))
    await expect(call).rejects.toThrow('no time left')
    expect(wire.events).toEqual(['abort: no time left'])
  })
})

function serverWith(handlers: AnyHandler[], isTrusted = () => true, scheduler: Scheduler = systemScheduler) {
  return new RpcServer({ handlers, isTrusted, scheduler, logger: quiet, room: new WaitingRoom() })
}

/** A call of `IPFSConnector.BlockStream`, and the beginning of a block of `size` bytes with `come` of them. */
function unendingBlock(size: number, come: number): Uint8Array {
  const [Name, Method] = rpc.blockStream.name.split('.') as [string, string]
  const head = Uint8Array.of(0x81, 0xa1, 0x64, 0xdb, 0, 0, 0, 0)
  new DataView(head.buffer).setUint32(4, size)
  return joined(encoded(serviceIdWire, { Name, Method }), head, new Uint8Array(come))
}

const takesBlocks: AnyHandler = {
  method: rpc.blockStream,
  async *handle(nodes: AsyncIterable<{ d?: Uint8Array | undefined }>) {
    for await (const _ of nodes);
    yield* []
  },
}

async function* each<T>(values: T[]) {
  yield* values
}

describe('the server', () => {
  for (const call of recorded.filter(succeeded)) {
    test(`${call.title}: answers with the recorded bytes`, async () => {
      const replies = await repliesOf(call)
      const received: unknown[] = []
      const handler = {
        method: call.method,
        handle: (value: unknown) => {
          if (call.method.kind === 'unary') return Promise.resolve(replies[0])
          return (async function* () {
            for await (const argument of value as AsyncIterable<unknown>) received.push(argument)
            yield* replies
          })()
        },
      } as AnyHandler
      const wire = scripted(call.request, 5, call.method.kind === 'unary')
      await serverWith([handler]).serve(wire.stream, 'caller')
      expect(wire.sent()).toBe(toHex(call.response))
      expect(wire.events).toEqual(['close write'])
      if (call.method.kind === 'stream') expect(received).toEqual(await argumentsOf(call))
      wire.hangUp()
    })
  }

  const refusals = ['unknown service', 'unknown method', 'PinTracker.Status unauthorized']
  for (const name of refusals) {
    test(`${name}: refuses with the recorded bytes`, async () => {
      const stream = vectors.calls.find((call) => call.name === name)!.streams[0] as {
        request_hex: string
        response_hex: string
      }
      const handlers: AnyHandler[] = [
        { method: rpc.id, handle: () => Promise.reject(new Error('not to be called')) },
        { method: rpc.status, handle: () => Promise.reject(new Error('not to be called')) },
      ]
      const wire = scripted(fromHex(stream.request_hex), 9, true)
      await serverWith(handlers, () => false).serve(wire.stream, 'caller')
      expect(wire.sent()).toBe(stream.response_hex)
      wire.hangUp()
    })
  }

  test('cancels the method when the caller closes its half before the answer', async () => {
    let reason: unknown
    const handler: AnyHandler = {
      method: rpc.id,
      handle: (_: unknown, { signal }: RpcContext) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason
            reject(signal.reason)
          })
        }),
    }
    const request = recorded.find((call) => call.title === 'Cluster.ID 1')!.request
    const wire = scripted(request, 100)
    await serverWith([handler]).serve(wire.stream, 'caller')
    expect(reason).toMatchObject({ message: 'context canceled' })
    expect(wire.sent()).toContain(Buffer.from('context canceled').toString('hex'))
  })

  test('drops a stream of garbage and goes on', async () => {
    const wire = scripted(new Uint8Array(64).fill(0xc1), 10)
    await serverWith([]).serve(wire.stream, 'caller')
    expect(wire.events).toHaveLength(1)
    expect(wire.events[0]).toStartWith('abort: msgpack has the unknown tag 0xc1')
  })

  test('drops a caller that stands still within a value, and one that says nothing', async () => {
    for (const input of [unendingBlock(1_000, 10), new Uint8Array(0)]) {
      const time = new VirtualTime()
      const wire = scripted(input, 100, true)
      const served = serverWith([takesBlocks], undefined, time).serve(wire.stream, 'caller')
      await new Promise((resolve) => setImmediate(resolve))
      expect(time.runUntil(() => wire.events.length > 0, 61_000)).toBe(true)
      expect(wire.events[0]).toBe('abort: the caller stood still')
      await served
    }
  })

  test('waits for as long as it takes between two values', async () => {
    const time = new VirtualTime()
    const wire = scripted(unendingBlock(10, 10), 100, true)
    const served = serverWith([takesBlocks], undefined, time).serve(wire.stream, 'caller')
    await new Promise((resolve) => setImmediate(resolve))
    expect(time.runUntil(() => wire.events.length > 0, 3_600_000)).toBe(false)
    wire.hangUp()
    await served
  })

  test('has room for so many bytes of calls that do not end, and for others again when they are gone', async () => {
    const server = serverWith([takesBlocks])
    const size = 6 * 1024 * 1024
    const wires = Array.from({ length: 30 }, () => scripted(unendingBlock(size, size - 1), size, true))
    const served = wires.map((wire) => server.serve(wire.stream, 'caller'))
    const refused = () => wires.filter(({ events }) => events.length > 0)
    while (refused().length < 9) await new Promise((resolve) => setImmediate(resolve))
    expect(refused().every(({ events }) => events[0]!.includes('wait for the rest of their calls'))).toBe(
      true,
    )
    for (const wire of wires) wire.hangUp()
    await Promise.all(served)
    const good = scripted(unendingBlock(size, size), size)
    await server.serve(good.stream, 'caller')
    expect(good.events).not.toContainEqual(expect.stringContaining('abort'))
  })

  test('takes a large value in very small pieces', async () => {
    const size = 1024 * 1024
    let received = 0
    const handler: AnyHandler = {
      method: rpc.blockStream,
      async *handle(nodes: AsyncIterable<{ d?: Uint8Array | undefined }>) {
        for await (const { d } of nodes) received += d?.length ?? 0
        yield* []
      },
    }
    await serverWith([handler]).serve(scripted(unendingBlock(size, size), 8).stream, 'caller')
    expect(received).toBe(size)
  }, 30_000)

  test('tells a streaming caller the error of the method', async () => {
    const handler: AnyHandler = {
      method: rpc.idStream,
      // biome-ignore lint/correctness/useYield: it fails before its first row
      handle: async function* () {
        throw new Error('no members')
      },
    }
    const request = recorded.find((call) => call.title === 'Cluster.IDStream 1')!.request
    const wire = scripted(request, 100)
    await serverWith([handler]).serve(wire.stream, 'caller')
    const answer = scripted(fromHex(wire.sent()), 4)
    const replies = callStream(answer.stream, rpc.idStream, each([]), new AbortController().signal)
    await expect(replies.next()).rejects.toThrow('no members')
  })
})

test('of an identity, a bounded number of addresses and peers is read', () => {
  const address = addressToWire('/ip4/192.0.2.1/tcp/4001')
  const many = Array.from({ length: 50_000 }, () => address)
  const wire = { i: 'somebody', a: many, cpa: many, cp: many.map(() => 'peer'), ip: { a: many } }
  const identity = identityFromWire(wire as never)
  expect(identity.addresses).toHaveLength(64)
  expect(identity.ipfs.addresses).toHaveLength(64)
  expect(identity.clusterPeers).toHaveLength(10_000)
  expect(identity.clusterPeersAddresses).toHaveLength(10_000)
})
