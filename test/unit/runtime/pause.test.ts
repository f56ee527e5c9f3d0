import { expect, test } from 'bun:test'
import { pause } from '../../../core/runtime/pause.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'

async function ends(work: Promise<void>): Promise<boolean> {
  let hasEnded = false
  void work.then(() => {
    hasEnded = true
  })
  await Bun.sleep(0)
  return hasEnded
}

test('it lasts as long as it was told to', async () => {
  const time = new VirtualTime()
  const work = pause(time, 2_000)
  time.run(1_999)
  expect(await ends(work)).toBe(false)
  time.run(1)
  expect(await ends(work)).toBe(true)
})

test('it ends without an error when the signal fires, or has fired', async () => {
  const time = new VirtualTime()
  const stop = new AbortController()
  const work = pause(time, 2_000, stop.signal)
  expect(await ends(work)).toBe(false)
  stop.abort(new Error('stopping'))
  expect(await ends(work)).toBe(true)
  expect(await ends(pause(time, 2_000, stop.signal))).toBe(true)
})
