/**
 * Copies in a cluster of five peers in three regions: spread over the regions, brought back to their minimum when peers are
 * killed, dropped where they are too many when those return, and handed over by a peer that is removed. Of our peers alone,
 * and with one of the original among them. 300 pins; 2,000 in full tests (`CLUSTER_TEST=full`). The IPFS nodes have no
 * content.
 */
import { describe, expect, test } from 'bun:test'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import type { ClusterPeer, ServiceJson } from './rig/cluster-peer.ts'
import { describeWithGo, type FoundBinaries } from './rig/describe-with-go.ts'
import { GoPeer } from './rig/go-peer.ts'
import { MockKubo } from './rig/mock-kubo.ts'
import { OurPeer } from './rig/our-peer.ts'
import { inlineCid } from './rig/steady-writes.ts'
import { eventually, formCluster, samePins, startAll, withLogs } from './rig/test-cluster.ts'

const pins = process.env.CLUSTER_TEST === 'full' ? 2_000 : 300
/** Writes under way at a time. */
const writers = 64
const timeout = 1_800_000
/** Milliseconds until everything is where it belongs. */
const patience = 300_000

const regions = { eu1: 'eu', eu2: 'eu', us1: 'us', us2: 'us', ap1: 'ap' } as const
type Name = keyof typeof regions
const names = Object.keys(regions) as Name[]

describe.skipIf(!hasExecutable)(`five of our peers in three regions${whyMissing}`, () => {
  test('keep every pin at its min, move none without need, and drop what is too much', () => run(), timeout)
})

await describeWithGo('five peers in three regions', ({ path }) => {
  test.skipIf(!hasExecutable)(
    `one of them of the original, do the same${whyMissing}`,
    () => run({ path, name: 'ap1' }),
    timeout,
  )
})

/** `go`: which peer is of the original. */
async function run(go?: { path: FoundBinaries['path']; name: Name }): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const kubos = {} as Record<Name, MockKubo>
  const peers = {} as Record<Name, ClusterPeer>
  for (const name of names) {
    kubos[name] = stack.use(new MockKubo())
    const ipfs = kubos[name].api
    const made = go?.name === name ? GoPeer.create({ path: go.path, ipfs }) : OurPeer.create({ ipfs })
    peers[name] = stack.use(await made)
  }
  const cluster = new Regions(peers, kubos)
  formCluster(cluster.all, {
    configure: (service, peer) => configure(service, cluster.nameOf(peer.id), peer),
  })
  await withLogs(cluster.all, async () => {
    await startAll(cluster.all)
    await cluster.spreads()
    await cluster.losesNothingThatIsEnough('us1')
    const second = await cluster.neighbourOf('us1', ['eu1', 'eu2'])
    await cluster.comesBackToItsMin(second)
    await cluster.dropsWhatIsTooMuch('us1', second)
    await cluster.handsOver('us2')
  })
}

function configure(service: ServiceJson, name: Name, peer: ClusterPeer): void {
  service.cluster.peername = name
  // The original would not wait for the grace window.
  service.cluster.disable_repinning = peer instanceof GoPeer
  service.cluster.state_sync_interval = '10s'
  service.allocator.balanced.allocate_by = ['tag:region', 'freespace']
  if (peer instanceof OurPeer) service.allocator.repinning = { grace: '10s', rate: 500, takeover: '5s' }
  service.informer.tags.tags = { region: regions[name] }
  // Longer than a busy machine holds a peer up, so that no new pin misses a region.
  service.informer.tags.metric_ttl = '60s'
  service.informer.disk.metric_ttl = '60s'
}

class Regions {
  readonly #peers: Record<Name, ClusterPeer>
  readonly #kubos: Record<Name, MockKubo>

  constructor(peers: Record<Name, ClusterPeer>, kubos: Record<Name, MockKubo>) {
    this.#peers = peers
    this.#kubos = kubos
  }

  get all(): ClusterPeer[] {
    return names.map((name) => this.#peers[name])
  }

  nameOf(id: string): Name {
    return names.find((name) => this.#peers[name].id === id)!
  }

  /** New pins have a copy in each region, and the peers of a region as many as each other. */
  async spreads(): Promise<void> {
    const asked = this.#peers.eu1
    await eventually('all have told of their region and their room', async () => {
      const told = await Promise.all(
        ['tag:region', 'freespace'].map(async (name) => (await asked.client.metrics(name))?.length),
      )
      return told.every((count) => count === names.length)
    })
    const cids = Array.from({ length: pins }, () => inlineCid(crypto.randomUUID()))
    const left = [...cids]
    const write = async () => {
      for (let cid = left.pop(); cid !== undefined; cid = left.pop())
        await asked.client.pin(cid, { replicationFactorMin: 2, replicationFactorMax: 3 })
    }
    await Promise.all(Array.from({ length: writers }, write))
    await this.#arePinned(names)
    const holders = await this.#holders(names)
    expect(holders.size).toBe(pins)
    for (const each of holders.values())
      expect(each.map((name) => regions[name]).sort()).toEqual(['ap', 'eu', 'us'])
    // Nodes without content tell of the same room always, so that peers of a region take turns. Their counts may come to differ
    // by one whenever all have told of themselves anew, each 30 s: this allows for 12 times with 300 pins.
    for (const name of ['eu1', 'eu2', 'us1', 'us2']) {
      const share = [...holders.values()].filter((each) => each.includes(name as Name)).length / pins
      expect(share).toBeWithin(0.48, 0.52)
    }
  }

  /** One of three copies is gone, and the two that are left are enough. */
  async losesNothingThatIsEnough(dead: Name): Promise<void> {
    const before = await this.#holders(names)
    await this.#peers[dead].kill()
    const alive = names.filter((name) => name !== dead)
    await this.#isMissed(dead, alive)
    expect(await this.#holders(alive)).toEqual(before)
  }

  /** Peers of two regions that take turns may never meet: the one of `names` that holds most together with `name`. */
  async neighbourOf(name: Name, names: readonly Name[]): Promise<Name> {
    const holders = [...(await this.#holders(names)).values()].filter((each) => each.includes(name))
    const shared = (other: Name) => holders.filter((each) => each.includes(other)).length
    return names.toSorted((a, b) => shared(b) - shared(a))[0]!
  }

  /** Some pins have one copy left then. */
  async comesBackToItsMin(dead: Name): Promise<void> {
    const gone = names.filter((name) => name === dead || name === 'us1')
    const alive = names.filter((name) => !gone.includes(name))
    const before = await this.#holders(alive)
    const living = (holders: Name[]) => holders.filter((name) => alive.includes(name))
    expect([...before.values()].some((holders) => living(holders).length < 2)).toBe(true)
    await this.#peers[dead].kill()
    let after = before
    await eventually(
      'all pins have their min again',
      async () => {
        after = await this.#holders(alive)
        // Nothing moves before the grace window is over.
        const hasBegun = !Bun.deepEquals(after, before)
        if (hasBegun) expect(this.#missing(dead, alive).length).toBeGreaterThan(0)
        return [...after.values()].every((holders) => living(holders).length >= 2)
      },
      patience,
    )
    await this.#arePinned(alive)
    for (const [cid, holders] of await this.#holders(alive)) {
      if (living(before.get(cid)!).length >= 2) expect(holders).toEqual(before.get(cid)!)
      else expect(holders).toEqual(expect.arrayContaining(living(before.get(cid)!)))
      expect(holders.length).toBeLessThanOrEqual(3)
    }
  }

  async dropsWhatIsTooMuch(...returning: Name[]): Promise<void> {
    const before = await this.#holders(names.filter((name) => !returning.includes(name)))
    await Promise.all(returning.map((name) => this.#peers[name].start()))
    await this.#arePinned(names)
    const after = await this.#holders(names)
    expect(after).toEqual(before)
  }

  /** A peer is taken out while it runs. */
  async handsOver(removed: Name): Promise<void> {
    const before = await this.#holders(names)
    await this.#peers.eu1.client.peerRemove(this.#peers[removed].id)
    const after = await this.#holders(names)
    for (const [cid, holders] of after) {
      const others = before.get(cid)!.filter((name) => name !== removed)
      expect(holders).not.toContain(removed)
      expect(holders).toEqual(expect.arrayContaining(others))
      if (others.length === before.get(cid)!.length) expect(holders).toEqual(others)
    }
    await this.#arePinned(names)
  }

  /** Who is to hold each pin, as all of `asked` have it. */
  async #holders(asked: readonly Name[]): Promise<Map<string, Name[]>> {
    const lines = await samePins(
      'allocations',
      asked.map((name) => this.#peers[name]),
      undefined,
      patience,
    )
    return new Map(
      lines.map((line) => {
        const { cid, allocations } = JSON.parse(line)
        return [cid, allocations.map((id: string) => this.nameOf(id)).sort()]
      }),
    )
  }

  /** Waits until the IPFS node of each of `asked` has just the pins that its peer is to hold. */
  async #arePinned(asked: readonly Name[]): Promise<void> {
    await eventually(
      'the IPFS nodes have what they are to have',
      async () => {
        const holders = await this.#holders(asked)
        return asked.every((name) => {
          const duties = [...holders].flatMap(([cid, each]) => (each.includes(name) ? [cid] : []))
          return Bun.deepEquals([...this.#kubos[name].pins.keys()].sort(), duties.sort())
        })
      },
      patience,
    )
  }

  /** Waits until each peer of ours has found that a peer is gone, and has looked at what that means. */
  async #isMissed(dead: Name, alive: readonly Name[]): Promise<void> {
    const ours = alive.filter((name) => this.#peers[name] instanceof OurPeer)
    await eventually('the peer is missed', () => this.#missing(dead, ours).length === ours.length, patience)
  }

  #missing(dead: Name, asked: readonly Name[]): Name[] {
    const { id } = this.#peers[dead]
    return asked.filter((name) => {
      const lines = this.#peers[name].log().split('\n')
      return lines.some((line) => line.includes('a peer is gone') && line.includes(id))
    })
  }
}
