/**
 * What a Kubo that hangs costs the writes to all peers of a cluster: three peers of ours, each with a real Kubo, are written
 * to by one client each, while the first Kubo runs, hangs (SIGSTOP), and runs again:
 * `bun test/bench/frozen-kubo.ts [seconds of a phase] [rounds] [milliseconds between two writes of a client]`. Without a pause
 * the CPU decides, of which a Kubo that hangs takes none, so that all others speed up. Needs the programs of `test/interop` and the executable.
 */
import { goBinaries } from '../interop/rig/binaries.ts'
import { KuboNode } from '../interop/rig/kubo.ts'
import { OurPeer } from '../interop/rig/our-peer.ts'
import { SteadyWrites } from '../interop/rig/steady-writes.ts'
import { formCluster, startAll } from '../interop/rig/test-cluster.ts'

const seconds = Number(process.argv[2] ?? 10)
const rounds = Number(process.argv[3] ?? 10)
const pause = Number(process.argv[4] ?? 0)

const binaries = await goBinaries()
if (binaries.path === undefined) console.log(`skipped: ${binaries.missing}`)
else await measure(binaries.path.ipfs)

async function measure(program: string): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const kubos: KuboNode[] = []
  const peers: OurPeer[] = []
  for (let i = 0; i < 3; i++) {
    const kubo = stack.use(await KuboNode.start({ program }))
    kubos.push(kubo)
    peers.push(stack.use(await OurPeer.create({ ipfs: kubo.api })))
  }
  formCluster(peers)
  await startAll(peers)
  const [frozen] = kubos
  stack.defer(() => frozen?.signal('SIGCONT'))
  const all = { before: peers.map(() => 0), meanwhile: peers.map(() => 0) }
  for (let round = 0; round < rounds; round++) {
    add(all.before, await phase('all run', peers))
    await frozen?.hang()
    add(all.meanwhile, await phase('the first Kubo hangs', peers))
    frozen?.signal('SIGCONT')
  }
  const shares = all.meanwhile.map((sum, i) => `${Math.round((100 * sum) / all.before[i]!)} %`)
  console.log(`of the rate of all rounds while all run: ${shares.join(', ')}`)
}

function add(sums: number[], rates: readonly number[]): void {
  for (const [i, rate] of rates.entries()) sums[i]! += rate
}

/** Accepted writes a second, of each peer. */
async function phase(name: string, peers: readonly OurPeer[]): Promise<number[]> {
  const began = performance.now()
  const writes = peers.map((peer) => new SteadyWrites(peer, { clients: 1, pause }))
  await Bun.sleep(seconds * 1_000)
  for (const each of writes) await each[Symbol.asyncDispose]()
  const took = (performance.now() - began) / 1_000
  const refused = writes.reduce((sum, each) => sum + each.refused.length, 0)
  const rates = writes.map(({ accepted }) => accepted.length / took)
  console.log(
    `${name}: ${rates.map((rate) => rate.toFixed(1)).join(', ')} writes a second; ${refused} refused`,
  )
  return rates
}
