/**
 * How long after the last reply all peers list what many clients pinned on one of three, for peers of ours and, where its
 * program is, of the original, both in default configuration: `bun test/bench/convergence.ts [pins] [pins for the original]`.
 * The mock of Kubo and the clients run in this process, on the same cores.
 */
import { existsSync, readFileSync } from 'node:fs'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import { goBinaries } from '../interop/rig/binaries.ts'
import type { ClusterPeer } from '../interop/rig/cluster-peer.ts'
import { GoPeer } from '../interop/rig/go-peer.ts'
import { MockKubo } from '../interop/rig/mock-kubo.ts'
import { OurPeer } from '../interop/rig/our-peer.ts'
import { membersOf } from '../interop/rig/test-cluster.ts'
import { cidOf } from '../unit/store/fixtures.ts'

const pins = Number(process.argv[2] ?? 10_000)
const pinsOfOriginal = Number(process.argv[3] ?? pins)
const clients = 64
/** Pins that are asked for one by one before whole lists are. */
const probes = 25

if (!hasExecutable) throw new Error(`nothing to measure${whyMissing}`)
await measure('three of ours', pins, (ipfs) => OurPeer.create({ ipfs }))
const { path, missing } = await goBinaries()
if (path === undefined) console.log(`the original: skipped, ${missing}`)
else await measure('three of the original', pinsOfOriginal, (ipfs) => GoPeer.create({ path, ipfs }))

async function measure(
  what: string,
  count: number,
  create: (ipfs: string) => Promise<ClusterPeer>,
): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const peers: ClusterPeer[] = []
  for (let index = 0; index < 3; index++) {
    peers.push(stack.use(await create(stack.use(new MockKubo()).api)))
  }
  for (const peer of peers) {
    peer.configure(({ cluster }) => {
      cluster.secret = peers[0]!.config.cluster.secret
      cluster.peer_addresses = peers.filter((other) => other !== peer).map(({ address }) => address)
    })
  }
  for (const peer of peers) await peer.start()
  await membersOf(peers, peers)
  const [asked, ...others] = peers as [ClusterPeer, ClusterPeer, ClusterPeer]
  const began = performance.now()
  await pinAll(asked, count)
  const [replied, cpu] = [performance.now(), cpuSeconds(peers)]
  const delays = await Promise.all(others.map(async (peer) => (await listsAll(peer, count)) - replied))
  const worst = Math.max(...delays) / 1_000
  const used = (cpuSeconds(peers) - cpu).toFixed(1)
  console.log(
    `${what}: ${count} pins by ${clients} clients in ${((replied - began) / 1_000).toFixed(1)} s, ` +
      `${Math.round((count * 1_000) / (replied - began))} pins/s; ` +
      `on the other two ${worst.toFixed(2)} s (${used} s of CPU of all three) after the last reply`,
  )
}

/** Of their processes, as Linux tells it; NaN elsewhere. */
function cpuSeconds(peers: readonly ClusterPeer[]): number {
  const ticks = peers.map(({ daemon: { pid } }) => {
    const file = `/proc/${pid}/stat`
    if (!existsSync(file)) return Number.NaN
    // The name of the program, in parentheses, may hold spaces.
    const fields = readFileSync(file, 'utf8').split(') ').at(-1)!.split(' ')
    return Number(fields[11]) + Number(fields[12])
  })
  return ticks.reduce((sum, each) => sum + each, 0) / 100
}

async function pinAll({ restUrl }: ClusterPeer, count: number): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let index = next++; index < count; index = next++) {
        const response = await fetch(`${restUrl}/pins/${cidOf(`convergence ${index}`)}`, { method: 'POST' })
        if (!response.ok) throw new Error(`pin ${index} was answered with ${response.status}`)
        await response.arrayBuffer()
      }
    }),
  )
}

/** When the first complete list was asked for. */
async function listsAll(peer: ClusterPeer, count: number): Promise<number> {
  for (let probe = 0; probe < probes; probe++) {
    // The last of them first.
    const index = Math.floor(((probes - probe) * (count - 1)) / probes)
    while (!(await fetch(`${peer.restUrl}/allocations/${cidOf(`convergence ${index}`)}`)).ok)
      await Bun.sleep(20)
  }
  const began = performance.now()
  for (;;) {
    const asked = performance.now()
    if ((await peer.pins()).length === count) return asked
    // Whole lists keep the peer from its work: the longer it takes, the rarer the question.
    await Bun.sleep(100 + (asked - began) / 50)
  }
}
