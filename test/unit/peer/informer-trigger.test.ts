import { describe, expect, test } from 'bun:test'
import { InformerTrigger } from '../../../core/peer/informer-trigger.ts'
import type { Ipfs } from '../../../core/runtime/ipfs.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { cidOf } from '../store/fixtures.ts'

function rig(interval: number) {
  const time = new VirtualTime()
  let told = 0
  const trigger = new InformerTrigger(interval, time, () => void told++)
  const node = {
    pin: async () => ({ blocks: 1 }),
    unpin: async () => undefined,
    putBlocks: () => Promise.reject(new Error('no room')),
    async *gc() {
      yield {}
    },
  }
  const ipfs = trigger.watch(node as unknown as Ipfs)
  const pin = () =>
    ipfs.pin(cidOf('a'), { mode: 'recursive', stallTimeout: 0, signal: new AbortController().signal })
  return { time, trigger, ipfs, pin, told: () => told }
}

describe('metrics are told anew after work on the IPFS node', () => {
  test('each so many times; a pin counts twice, blocks and a collection once, an unpin not', async () => {
    const { time, ipfs, pin, told } = rig(2)
    await ipfs.unpin(cidOf('a'))
    await ipfs.unpin(cidOf('b'))
    expect(told()).toBe(0)
    await pin()
    expect(told()).toBe(1)
    time.run(1_000)
    await Array.fromAsync(ipfs.gc())
    expect(told()).toBe(1)
    await expect(ipfs.putBlocks((async function* () {})())).rejects.toThrow('no room')
    expect(told()).toBe(2)
  })
  test('once a second at most, and not after the stop', async () => {
    const { time, trigger, pin, told } = rig(1)
    for (let pins = 0; pins < 100; pins++) await pin()
    expect(told()).toBe(1)
    time.run(1_000)
    expect(told()).toBe(2)
    time.run(60_000)
    expect(told()).toBe(2)
    await pin()
    trigger[Symbol.dispose]()
    time.run(60_000)
    expect(told()).toBe(3)
  })
})
