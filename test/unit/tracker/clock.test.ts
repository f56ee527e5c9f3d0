import { expect, test } from 'bun:test'
import { contentCid, pinOf } from '../../sim/content.ts'
import { startOfTime } from '../../sim/virtual-time.ts'
import { makeRig } from './rig.ts'

const recent = { timestamp: BigInt(startOfTime) * 1_000_000n }

test('a clock that is set back by an hour holds up no pin that is queued, before a start or after it', async () => {
  const { store, ipfs, settle, time, tracker, restart } = makeRig({ concurrentPins: 1 })
  const names = ['first', 'second', 'third']
  for (const name of names) store.fold(contentCid(name), pinOf(contentCid(name), recent))
  settle()
  expect(ipfs.open).toHaveLength(1)
  time.shift(-3_600_000)
  ipfs.open[0]!.fail('failed')
  settle()
  expect(ipfs.open).toHaveLength(1)
  const stopping = tracker[Symbol.asyncDispose]()
  ipfs.open[0]!.fail('aborted')
  settle()
  await stopping
  time.shift(-86_400_000)
  restart()
  settle()
  expect(ipfs.open).toHaveLength(1)
})
