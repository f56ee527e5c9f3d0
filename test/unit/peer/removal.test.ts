import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { PeerCalls } from '../../../core/peer/peer-calls.ts'
import { Removal, type RemovalInit } from '../../../core/peer/removal.ts'
import { RemovedPeers } from '../../../core/peer/removed-peers.ts'
import { pause } from '../../../core/runtime/pause.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { eventually } from '../../support/network-peer.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { type KeptLine, keepingLogger } from '../api/silent-runtime.ts'
import { peerOf } from '../store/fixtures.ts'

const [self, one, two] = [peerOf('self'), peerOf('one'), peerOf('two')]
type HandOver = RemovalInit['upkeep']['handOver']

async function rig(handOver: HandOver, hasPinged = true) {
  const folder = await temporaryFolder()
  const removed = await RemovedPeers.open(join(folder.path, 'removed-peers'))
  const time = new VirtualTime()
  const log: KeptLine[] = []
  const called: string[] = []
  const calls = {
    async call(peer: string, method: { name: string }, argument: string) {
      called.push(`${method.name} of ${peer}: ${argument}`)
      throw new Error('crdt consensus component cannot remove peers')
    },
  } as unknown as PeerCalls
  const removal = new Removal({
    self,
    isFollower: false,
    removed,
    upkeep: { handOver, removed() {} },
    others: () => [one],
    hasPinged: () => hasPinged,
    calls,
    runtime: { clock: time, scheduler: time, random: new SeededRandom(1), logger: keepingLogger(log) },
  })
  return { removal, removed, time, log, called, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

const moved = (pins: number) => ({ moved: pins, kept: 0, unplaced: 0, why: '', left: 0 })

describe('a removal', () => {
  test('is told to the others, also to those that do not know such a thing, and taken back likewise', async () => {
    await using peer = await rig(async () => moved(1))
    await peer.removal.remove(two)
    expect(peer.removed.has(two)).toBe(true)
    await peer.removal.readmit(two)
    expect(peer.removed.has(two)).toBe(false)
    expect(peer.called).toEqual([`Consensus.RmPeer of ${one}: ${two}`, `Consensus.AddPeer of ${one}: ${two}`])
  })
  test('of somebody who never pinged and holds no pin is refused, noted by nobody, and told to nobody', async () => {
    await using peer = await rig(async () => moved(0), false)
    await expect(peer.removal.remove(two)).rejects.toMatchObject({
      name: 'UnknownPeerError',
      message: expect.stringContaining(two),
    })
    expect([peer.removed.has(two), peer.called, peer.log]).toEqual([false, [], []])
  })
  test('of a peer that has been away for long gives its pins to others', async () => {
    await using peer = await rig(async () => moved(1), false)
    await peer.removal.remove(two)
    expect(peer.removed.has(two)).toBe(true)
    // It is known as removed from then on.
    await using again = await rig(async () => moved(0), false)
    await again.removed.add(two)
    await again.removal.remove(two)
  })
  test('that is heard of from another peer is noted and told to nobody', async () => {
    await using peer = await rig(async () => moved(1))
    await peer.removal.heard(two, true)
    await peer.removal.heard(two, true)
    expect(peer.removed.has(two)).toBe(true)
    await peer.removal.heard(two, false)
    expect(peer.removed.has(two)).toBe(false)
    expect(peer.called).toEqual([])
    expect(peer.log).toHaveLength(2)
  })
  test('that is asked for twice hands over once', async () => {
    const handedOver: string[] = []
    const end = Promise.withResolvers<ReturnType<typeof moved>>()
    await using peer = await rig((each) => {
      handedOver.push(each)
      return end.promise
    })
    const removals = [peer.removal.remove(two), peer.removal.remove(two)]
    const begun = () => peer.log.filter(({ message }) => message.startsWith('a peer was removed'))
    await eventually('both have begun', () => begun().length === 2)
    end.resolve(moved(3))
    await Promise.all(removals)
    expect(handedOver).toEqual([two])
  })
})

describe('a peer that leaves', () => {
  test('goes when its time is over, and says so', async () => {
    let isEnded = false
    await using peer = await rig(async (_, { signal }) => {
      signal.addEventListener('abort', () => {
        isEnded = true
      })
      for (;;) {
        await pause(peer.time, 1_000, signal)
        signal.throwIfAborted()
      }
    })
    let hasLeft = false
    void peer.removal.leave().then(() => {
      hasLeft = true
    })
    peer.time.run(59_000)
    expect(hasLeft).toBe(false)
    peer.time.run(2_000)
    expect([hasLeft, isEnded]).toEqual([true, true])
    expect(peer.log.at(-1)!.message).toStartWith('stopped before all pins were with others')
  })
})
