import { expect, test } from 'bun:test'
import { contentCid, pinOf } from '../../sim/content.ts'
import { startOfTime } from '../../sim/virtual-time.ts'
import { makeRig, type Rig } from './rig.ts'

const recent = { timestamp: BigInt(startOfTime) * 1_000_000n }

/** Answers all that is asked, until `count` pins were made; gives their CIDs in the order of their beginning. */
function serve(rig: Rig, count: number, before: () => void): string[] {
  const order: string[] = []
  while (order.length < count) {
    before()
    rig.settle()
    const call = rig.ipfs.open[0]!
    order.push(String(call.cid))
    call.answer({ blocks: 1 })
    rig.settle()
  }
  return order
}

test('new pins go before old ones', () => {
  const rig = makeRig({ concurrentPins: 1 })
  const blocker = contentCid('blocker')
  rig.store.fold(blocker, pinOf(blocker))
  rig.settle()
  const old = contentCid('old')
  const fresh = contentCid('fresh')
  rig.store.fold(old, pinOf(old))
  rig.store.fold(fresh, pinOf(fresh, recent))
  const order = serve(rig, 3, () => undefined)
  expect(order).toEqual([blocker, fresh, old].map(String))
})

test('one start in eight takes what has been due for longest, however many new pins come', () => {
  const rig = makeRig({ concurrentPins: 1 })
  const blocker = contentCid('blocker')
  rig.store.fold(blocker, pinOf(blocker))
  rig.settle()
  const old = contentCid('old')
  rig.store.fold(old, pinOf(old))
  let made = 0
  const order = serve(rig, 16, () => {
    for (let i = 0; i < 3; i++) {
      const fresh = contentCid(`fresh ${made++}`)
      rig.store.fold(fresh, pinOf(fresh, recent))
    }
  })
  // The blocker was the first start; the eighth is the fair one.
  expect(order.indexOf(String(old))).toBe(7)
})
