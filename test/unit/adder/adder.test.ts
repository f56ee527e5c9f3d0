import { describe, expect, test } from 'bun:test'
import { createAdder } from '../../../core/adder/adder.ts'
import { BlockChannel, channelBytes } from '../../../core/adder/block-channel.ts'
import type { BlockSink } from '../../../core/adder/block-sink.ts'
import type { PinOptions } from '../../../core/pin/pin.ts'
import { silentLogger } from '../api/silent-runtime.ts'
import { add, defaultParameters, file, self } from './add-rig.ts'
import { mixedBytes } from './mixed-bytes.ts'

/** Sinks that count what they got. */
function countingSinks() {
  const counts = new Map<string, number>()
  const sinkFor = (peer: string): BlockSink => ({
    async put(blocks) {
      for await (const _ of blocks) counts.set(peer, (counts.get(peer) ?? 0) + 1)
    },
  })
  return { counts, sinkFor }
}

const broken: BlockSink = {
  async put() {
    throw new Error('no space left')
  },
}

describe('blocks', () => {
  test('go to every peer of the allocation, which each line names', async () => {
    const { counts, sinkFor } = countingSinks()
    const { outputs } = await add(
      [file('a', mixedBytes(600_000))],
      {},
      { allocate: async () => ['p1', 'p2'], sinkFor },
    )
    expect([...counts]).toEqual([
      ['p1', 4],
      ['p2', 4],
    ])
    expect(outputs.map(({ allocations }) => allocations)).toEqual([['p1', 'p2']])
  })

  test('go to this peer only with local, which then takes the place of the last', async () => {
    const { counts, sinkFor } = countingSinks()
    const allocations: string[][] = []
    const pin = async (_: unknown, __: PinOptions, peers: string[]) => {
      allocations.push(peers)
    }
    const init = { allocate: async () => ['p1', 'p2'], sinkFor, pin }
    await add([file('a', 'a')], { local: true }, init)
    const userAllocations = ['p1']
    await add([file('a', 'a')], { local: true, pin: { ...defaultParameters.pin, userAllocations } }, init)
    await add([file('a', 'a')], { local: true }, { ...init, allocate: async () => [self, 'p2'] })
    expect([...counts]).toEqual([[self, 3]])
    expect(allocations).toEqual([
      ['p1', self],
      ['p1', 'p2'],
      [self, 'p2'],
    ])
  })

  test('are taken by one of two destinations, and that is enough', async () => {
    const { counts, sinkFor } = countingSinks()
    const init = {
      allocate: async () => ['bad', 'good'],
      sinkFor: (peer: string) => (peer === 'bad' ? broken : sinkFor(peer)),
    }
    const { error, pinned } = await add([file('a', mixedBytes(20_000_000))], {}, init)
    expect([error, pinned.length, counts.get('good')]).toEqual([undefined, 1, 78])
  })

  test('that no destination takes end the add, with the cause', async () => {
    const { error, pinned } = await add([file('a', mixedBytes(20_000_000))], {}, { sinkFor: () => broken })
    expect([error?.name, error?.message, pinned]).toEqual([
      'DestinationsFailedError',
      'failed to put block on all destinations: no space left',
      [],
    ])
  })

  test('that a destination did not read are not stored', async () => {
    const { error } = await add([file('a', 'a')], {}, { sinkFor: () => ({ put: async () => undefined }) })
    expect(error?.message).toEndWith('the destination stopped reading before the last block')
  })

  test('that come again at once are sent once', async () => {
    const { counts, sinkFor } = countingSinks()
    await add([file('a', new Uint8Array(262_144 * 100))], {}, { sinkFor })
    expect(counts.get(self)).toBe(2)
  })
})

describe('the upload', () => {
  test('is read only as fast as the destination takes blocks', async () => {
    let read = 0
    const release = Promise.withResolvers<void>()
    const slow: BlockSink = {
      async put(blocks) {
        await release.promise
        for await (const _ of blocks);
      },
    }
    async function* endless() {
      for (; read < 400; read++) yield Buffer.alloc(262_144, read)
    }
    const adding = add(
      [{ kind: 'file', path: 'a', content: endless() }],
      { rawLeaves: true },
      { sinkFor: () => slow },
    )
    for (let before = -1; before !== read; await Bun.sleep(5)) before = read
    expect(read * 262_144).toBeLessThanOrEqual(channelBytes + 2 * 262_144)
    release.resolve()
    expect((await adding).error).toBeUndefined()
    expect(read).toBe(400)
  })

  test('is not read before the destinations are chosen, and not at all when there are none', async () => {
    const allocate = async () => {
      throw new Error('not enough peers to allocate CID')
    }
    const { error, pinned } = await add([file('a', 'a')], {}, { allocate })
    expect([error?.message, pinned]).toEqual(['not enough peers to allocate CID', []])
  })

  test('that fails half-way leaves nothing pinned', async () => {
    async function* torn() {
      yield mixedBytes(300_000)
      throw new Error('the client is gone')
    }
    const { error, pinned } = await add([{ kind: 'file', path: 'a', content: torn() }])
    expect([error?.message, pinned]).toEqual(['the client is gone', []])
  })

  test('is left when nobody wants the lines any more, and its destinations are told', async () => {
    const ended = Promise.withResolvers<string>()
    const adder = createAdder({
      self,
      allocate: async () => [self],
      sinkFor: () => ({
        async put(blocks, { signal }) {
          signal.addEventListener('abort', () => ended.resolve(signal.reason.message))
          for await (const _ of blocks);
        },
      }),
      pin: async () => undefined,
      logger: silentLogger,
    })
    async function* parts() {
      yield file('a', 'a')
      yield file('b', 'b')
    }
    for await (const _ of adder.add(parts(), defaultParameters)) break
    expect(await ended.promise).toBe('the add was ended before its last block')
  })

  test('with nothing in it is refused', async () => {
    for (const format of ['unixfs', 'car'] as const) {
      const { error, pinned } = await add([], { format })
      expect([error?.name, pinned]).toEqual(['EmptyUploadError', []])
    }
  })

  test('is refused before it is read when sharding or filestore is asked for', async () => {
    for (const parameters of [{ shard: true }, { nocopy: true }]) {
      const { error } = await add([file('a', 'a')], parameters)
      expect(error?.name).toBe('AddRefusedError')
    }
  })
})

describe('the pin', () => {
  test('is recursive, and updates nothing', async () => {
    const seen: PinOptions[] = []
    const { root } = await add([file('a', 'a')], { noPin: true })
    const pinUpdate = (await import('multiformats/cid')).CID.parse(root)
    const pin = { ...defaultParameters.pin, name: 'n', mode: 'direct' as const, pinUpdate }
    await add([file('a', 'a')], { pin }, { pin: async (_, options) => seen.push(options) })
    expect(seen).toEqual([{ ...defaultParameters.pin, name: 'n', mode: 'recursive' }])
  })

  test('waits until the blocks are stored', async () => {
    const order: string[] = []
    const init = {
      sinkFor: (): BlockSink => ({
        async put(blocks) {
          for await (const _ of blocks);
          await Bun.sleep(1)
          order.push('stored')
        },
      }),
      pin: async () => order.push('pinned'),
    }
    await add([file('a', 'a')], {}, init)
    expect(order).toEqual(['stored', 'pinned'])
  })

  test('that fails is the failure of the add', async () => {
    const pin = async () => {
      throw new Error('cannot repin')
    }
    expect((await add([file('a', 'a')], {}, { pin })).error?.message).toBe('cannot repin')
  })
})

test('a channel gives the reason of its end to the reader, and drops what waits', async () => {
  const channel = new BlockChannel()
  channel.abort(new Error('enough'))
  const reading = (async () => {
    for await (const _ of channel);
  })()
  await expect(reading).rejects.toThrow('enough')
})
