/** Announcing pins to the DHT goes on, whatever happens to one round. */
import { expect, test } from 'bun:test'
import type { BlockIndex } from '../../../core/ipfs/embedded/blocks/block-index.ts'
import { Announcer } from '../../../core/ipfs/embedded/exchange/announcer.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { quietRuntime } from './test-runtime.ts'

test('pins are looked for again after the list of them could not be read', async () => {
  const time = new VirtualTime()
  let looks = 0
  const index = {
    pinsToAnnounce: () => {
      looks++
      throw new Error('disk I/O error')
    },
  } as unknown as BlockIndex
  const runtime = { ...quietRuntime(), clock: time, scheduler: time }
  const announcer = new Announcer({} as never, index, 60_000, runtime)
  time.run(1)
  expect(looks).toBe(1)
  time.run(60_000)
  expect(looks).toBe(2)
  announcer.wake()
  time.run(1)
  expect(looks).toBe(3)
  await announcer[Symbol.asyncDispose]()
})
