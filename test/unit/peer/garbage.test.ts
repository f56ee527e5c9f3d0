import { expect, test } from 'bun:test'
import { collectGarbage } from '../../../core/peer/garbage.ts'
import type { IpfsGcRow } from '../../../core/runtime/ipfs.ts'
import { cidOf } from '../store/fixtures.ts'

const cid = cidOf('garbage')

/** An IPFS node that removes `count` keys and then breaks off, if it is told to. */
function node(count: number, failure?: Error) {
  let removed = 0
  return {
    removed: () => removed,
    async *gc(): AsyncGenerator<IpfsGcRow> {
      for (; removed < count; removed++) yield { cid }
      if (failure !== undefined) throw failure
    },
  }
}

test('lists what was removed, and why the collection broke off', async () => {
  expect(await collectGarbage(node(2))).toEqual({ keys: [{ cid }, { cid }] })
  expect(await collectGarbage(node(1, new Error('no disk')))).toEqual({ keys: [{ cid }], error: 'no disk' })
})

test('collects to the end and lists no more than fits, with the number of the others', async () => {
  const ipfs = node(100_250)
  const { keys } = await collectGarbage(ipfs)
  expect(ipfs.removed()).toBe(100_250)
  expect(keys).toHaveLength(100_001)
  expect(keys.at(-1)?.error).toContain('250 more')
})

test('rejects when nobody waits any more', async () => {
  const gone = AbortSignal.abort(new Error('gone'))
  await expect(collectGarbage(node(1, new Error('aborted')), gone)).rejects.toThrow('gone')
})
