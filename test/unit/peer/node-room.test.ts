import { describe, expect, test } from 'bun:test'
import { NodeRoom } from '../../../core/peer/node-room.ts'
import type { Ipfs, IpfsGcRow } from '../../../core/runtime/ipfs.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { type KeptLine, keepingLogger } from '../api/silent-runtime.ts'

const repo = { size: 96, max: 100 }
const nearlyFull = 'the IPFS node is nearly full: this peer is given no more content'

function rig({ kind = 'embedded', gc }: Partial<Pick<Ipfs, 'kind' | 'gc'>> = {}) {
  const time = new VirtualTime()
  const log: KeptLine[] = []
  let collections = 0
  const removing = async function* (): AsyncGenerator<IpfsGcRow> {
    yield {}
  }
  const collecting: Ipfs['gc'] = (options) => {
    collections++
    return gc === undefined ? removing() : gc(options)
  }
  const room = new NodeRoom(
    { kind, gc: collecting },
    { clock: time, scheduler: time, random: new SeededRandom(1), logger: keepingLogger(log) },
  )
  const messages = () => log.map(({ message }) => message)
  return { time, room, messages, collections: () => collections }
}

describe('a node that is nearly full', () => {
  test('is told of once, and so is that it has room again', () => {
    const { room, messages } = rig({ kind: 'kubo' })
    room.note(false, repo)
    for (let look = 0; look < 3; look++) room.note(true, repo)
    for (let look = 0; look < 3; look++) room.note(false, repo)
    room.note(true, repo)
    const again = 'the IPFS node has room again: this peer is given content'
    expect(messages()).toEqual([nearlyFull, again, nearlyFull])
  })
  test('collects garbage at once and then each hour when it is the embedded one', () => {
    const { time, room, messages, collections } = rig()
    for (let minute = 0; minute < 60; minute++) {
      room.note(true, repo)
      time.run(60_000)
    }
    expect(collections()).toBe(1)
    expect(messages()).toEqual([nearlyFull, 'garbage was collected to make room'])
    room.note(true, repo)
    expect(collections()).toBe(2)
  })
  test('is left to itself when it is a Kubo', () => {
    const { room, collections } = rig({ kind: 'kubo' })
    room.note(true, repo)
    expect(collections()).toBe(0)
  })
  test('that cannot collect says so and is tried again in an hour', () => {
    const { time, room, messages, collections } = rig({
      async *gc() {
        yield await Promise.reject(new Error('the disk is broken'))
      },
    })
    room.note(true, repo)
    time.run(3_600_000)
    room.note(true, repo)
    time.run(0)
    expect(collections()).toBe(2)
    expect(messages().filter((message) => message === 'garbage could not be collected')).toHaveLength(2)
  })
  test('ends its collection with the peer, quietly', async () => {
    const { room, messages } = rig({
      async *gc({ signal } = {}) {
        yield await new Promise<IpfsGcRow>((_, reject) =>
          signal?.addEventListener('abort', () => reject(signal.reason)),
        )
      },
    })
    room.note(true, repo)
    await room[Symbol.asyncDispose]()
    expect(messages()).toEqual([nearlyFull])
  })
})
