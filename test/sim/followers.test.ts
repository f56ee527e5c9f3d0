/** What peers must agree on when one of them follows the others, and one of the others is lost. */
import { expect, test } from 'bun:test'
import { contentCid, pinOf, sizeOf } from './content.ts'
import { eventuallyChecks } from './eventually.ts'
import { Model } from './model.ts'
import { planOf } from './plan.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedIpfs } from './simulated-ipfs.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import { peerIdOf, SimulatedPeer } from './simulated-peer.ts'
import { Trace } from './trace.ts'
import { VirtualTime } from './virtual-time.ts'
import type { World } from './world.ts'

const cid = contentCid('content')

test('what a lost peer told a follower alone stays with that', async () => {
  const { time, network, check, write, lose, peers } = cluster()
  const mend = network.cut(peers.second.id, peers.first.id)
  write(peers.second)
  time.run(10_000)
  expect(check()).toContainEqual(expect.stringContaining('follower has'))
  lose(peers.second)
  mend()
  time.run(120_000)
  expect(peers.follower.store?.pin(cid)?.name).toBe('by second')
  expect(peers.first.store?.pin(cid)).toBeUndefined()
  expect(check()).toEqual([])
})

test('what a follower is ahead of the others does not excuse it from what they write', async () => {
  const { time, network, check, write, lose, peers } = cluster()
  network.cut(peers.second.id, peers.first.id)
  network.cut(peers.first.id, peers.follower.id)
  write(peers.second)
  time.run(10_000)
  lose(peers.second)
  write(peers.first)
  time.run(120_000)
  expect(check()).toEqual([
    expect.stringMatching(/^follower: head .* of first never came$/),
    expect.stringMatching(/^follower: block .* was acknowledged and never came$/),
  ])
})

test('what a follower writes itself is found', async () => {
  const { time, check, write, lose, peers } = cluster()
  time.run(10_000)
  lose(peers.second)
  write(peers.follower)
  time.run(120_000)
  expect(check()).toContainEqual(expect.stringContaining('follower has'))
})

/** Two peers that write and a follower of both, all well. */
function cluster() {
  const plan = planOf(1)
  const time = new VirtualTime()
  const trace = new Trace(time)
  const network = new SimulatedNetwork({ time, trace, random: randomOf('network'), nameOf: (peer) => peer })
  const trusted = ['first', 'second'].map(peerIdOf)
  const newPeer = (name: string) =>
    new SimulatedPeer({
      name,
      others: ['first', 'second', 'follower'].filter((other) => other !== name).map(peerIdOf),
      trusted,
      config: {
        concurrency: 1,
        defaults: { min: -1, max: -1 },
        region: undefined,
        repinning: false,
        isFollower: name === 'follower',
      },
      time,
      trace,
      random: randomOf(name),
      network,
      ipfs: new SimulatedIpfs({
        id: name,
        name,
        time,
        trace,
        random: randomOf(`IPFS of ${name}`),
        capacity: 1_000,
        sizeOf,
        isMissing: () => false,
        onChanging() {},
      }),
      onStart() {},
      onKill() {},
      onReallocate() {},
      fail: (error) => {
        throw error
      },
    })
  const peers = { first: newPeer('first'), second: newPeer('second'), follower: newPeer('follower') }
  const model = new Model()
  const world: World = {
    plan,
    peers: Object.values(peers),
    stranger: undefined,
    model,
    contents: [cid],
    missing: new Set(),
    references: new Map(),
  }
  for (const peer of world.peers) peer.start()
  time.run(1_000)

  /** Pins `cid`, past the check that refuses it to a follower. */
  function write(peer: SimulatedPeer): void {
    const name = `by ${peer.name}`
    const operation = model.begin(1, peer.name, {
      kind: 'pin',
      cid,
      name,
      isAgain: false,
      mayExpire: false,
    })
    const pin = pinOf(cid, { name })
    void peer.ask(async ({ store }) => {
      const { cid: block } = await store.write([{ kind: 'pin', pin }])
      model.acknowledge(operation, block)
    })
  }

  function lose(peer: SimulatedPeer): void {
    model.bury(peer.name)
    peer.lose()
  }

  function check(): string[] {
    return [
      'eventually_all_peers_have_equal_heads',
      'eventually_every_peer_has_every_acknowledged_change',
      'eventually_all_peers_have_equal_pins',
    ].flatMap((name) => eventuallyChecks[name]?.(world) ?? [])
  }

  return { time, network, peers, write, lose, check }
}

function randomOf(name: string): SeededRandom {
  return SeededRandom.of(1, name, 0)
}
