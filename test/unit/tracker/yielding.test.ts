/** Content that nobody has does not hold up what can be had now. */
import { describe, expect, test } from 'bun:test'
import { contentCid, pinOf } from '../../sim/content.ts'
import { startOfTime } from '../../sim/virtual-time.ts'
import { makeRig, type Rig } from './rig.ts'

const recent = { timestamp: BigInt(startOfTime) * 1_000_000n }

function pin(rig: Rig, name: string) {
  const cid = contentCid(name)
  rig.store.fold(cid, pinOf(cid, recent))
  return cid
}

/** Time goes by, and the node ends what it is asked to end. */
function run(rig: Rig, ms: number): void {
  for (let left = ms; left > 0; left -= 1_000) {
    rig.time.run(Math.min(left, 1_000))
    for (const call of [...rig.ipfs.open]) if (call.aborted()) call.fail('aborted')
  }
  rig.settle()
}

/** CIDs of the calls that are open, in the order of their beginning. */
function running(rig: Rig): string[] {
  return rig.ipfs.open.map(({ cid }) => String(cid))
}

describe('a first try that brings nothing', () => {
  test('leaves its slot after 20 s to a first try that waits, and waits for its next one', () => {
    const rig = makeRig({ concurrentPins: 2 })
    const dead = ['dead 1', 'dead 2', 'dead 3'].map((name) => pin(rig, name))
    rig.settle()
    const alive = pin(rig, 'alive')
    run(rig, 19_000)
    expect(running(rig)).toEqual(dead.slice(0, 2).map(String))
    run(rig, 2_000)
    expect(running(rig)).toContain(String(alive))
    expect(rig.ipfs.open.length).toBe(2)
    const record = rig.store.local(dead[0]!)!
    expect([record.status, record.attempts]).toEqual(['pin_queued', 1])
    expect(record.error).toContain('concurrent_pins')
    expect(record.nextTryAt).toBeGreaterThan(rig.time.now())
  })

  test('keeps its slot when nothing else waits for one', () => {
    const rig = makeRig({ concurrentPins: 2 })
    const dead = ['dead 1', 'dead 2'].map((name) => pin(rig, name))
    run(rig, 100_000)
    expect(running(rig)).toEqual(dead.map(String))
  })

  test('that has waited for long leaves at once when something comes', () => {
    const rig = makeRig({ concurrentPins: 2 })
    const dead = ['dead 1', 'dead 2'].map((name) => pin(rig, name))
    run(rig, 60_000)
    const alive = pin(rig, 'alive')
    run(rig, 10)
    expect(running(rig)).toEqual([dead[1]!, alive].map(String))
  })

  test('is pinned all the same when it ends just then', () => {
    const rig = makeRig({ concurrentPins: 1 })
    const late = pin(rig, 'late')
    run(rig, 60_000)
    pin(rig, 'alive')
    rig.settle()
    expect(rig.ipfs.open[0]!.aborted()).toBe(true)
    rig.ipfs.open[0]!.answer({ blocks: 1 })
    rig.settle()
    expect(rig.store.local(late)!.status).toBe('pinned')
  })
})

describe('a slot is kept by', () => {
  test('a pin whose blocks come', () => {
    const rig = makeRig({ concurrentPins: 1 })
    const slow = pin(rig, 'slow')
    rig.settle()
    pin(rig, 'other')
    for (let blocks = 1; blocks < 10; blocks++) {
      rig.ipfs.open[0]!.options.onProgress!({ blocks })
      run(rig, 15_000)
      expect(running(rig)).toEqual([String(slow)])
    }
  })

  test('a later try, which has all the time that is set', () => {
    const rig = makeRig({ concurrentPins: 1 })
    const dead = pin(rig, 'dead')
    rig.settle()
    const alive = pin(rig, 'alive')
    run(rig, 21_000)
    expect(running(rig)).toEqual([String(alive)])
    rig.ipfs.open[0]!.answer({ blocks: 1 })
    run(rig, 20_000)
    expect(running(rig)).toEqual([String(dead)])
    pin(rig, 'another')
    run(rig, 90_000)
    expect(running(rig)).toEqual([String(dead)])
  })
})
