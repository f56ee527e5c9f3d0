/**
 * The status of all pins of three peers of ours, asked of one, and of one peer of the original where its programs are: when
 * the first and the last row come, and what it takes of memory and CPU. `bun test/bench/status-of-all.ts [pins]`; the
 * executable is built first (`bun cli/build.ts`).
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { goJson } from '../../core/pin/go-json.ts'
import { pinToJson } from '../../core/pin/json.ts'
import { goBinaries } from '../interop/rig/binaries.ts'
import type { ClusterPeer } from '../interop/rig/cluster-peer.ts'
import { GoPeer } from '../interop/rig/go-peer.ts'
import { MockKubo } from '../interop/rig/mock-kubo.ts'
import { OurPeer } from '../interop/rig/our-peer.ts'
import { removeFolder, temporaryFolder } from '../interop/rig/processes.ts'
import { formCluster, membersOf } from '../interop/rig/test-cluster.ts'
import { peerOf, pinAt } from '../unit/store/fixtures.ts'

const pins = Number(process.argv[2] ?? 200_000)
/** Of each peer; the first one is the start of the program, the others are how it goes on. */
const listings = 2

await using stack = new AsyncDisposableStack()
const folder = temporaryFolder('status-of-all')
stack.defer(() => removeFolder(folder))
const exported = join(folder, 'state.json')
writeExport()
using kubo = new MockKubo()

await measureOurs()
const binaries = await goBinaries()
if (binaries.path === undefined) console.log(`the original: skipped, ${binaries.missing}`)
else await measureOriginal(binaries.path)

async function measureOurs(): Promise<void> {
  await using peers = new AsyncDisposableStack()
  const three = await Promise.all([1, 2, 3].map(() => OurPeer.create({ ipfs: kubo.api })))
  for (const peer of three) peers.use(peer)
  const [asked, ...others] = three as [OurPeer, ...OurPeer[]]
  await asked.cluster('state', 'import', '--force', exported)
  await Promise.all(
    others.map(async (other) => {
      // What it would fetch, made its own.
      cpSync(join(asked.folder, 'store'), join(other.folder, 'store'), { recursive: true })
      await other.cluster('state', 'rebuild')
    }),
  )
  formCluster(three)
  await Promise.all(three.map((peer) => peer.start()))
  await membersOf(three, three)
  await measure('three of ours', asked, others)
}

async function measureOriginal(path: NonNullable<typeof binaries.path>): Promise<void> {
  await using peer = await GoPeer.create({ path, ipfs: kubo.api })
  await peer.service('state', 'import', '-f', exported)
  await peer.start()
  await measure('one of the original', peer)
}

async function measure(name: string, peer: ClusterPeer, others: ClusterPeer[] = []): Promise<void> {
  const cpuOfOthers = () => others.reduce((sum, { daemon }) => sum + usage(daemon.pid!).cpu, 0)
  for (let listing = 1; listing <= listings; listing++) {
    const before = { ...usage(peer.daemon.pid!), others: cpuOfOthers() }
    writeFileSync(`/proc/${peer.daemon.pid}/clear_refs`, '5')
    const start = performance.now()
    const response = await fetch(`${peer.restUrl}/pins`)
    let first: number | undefined
    let rows = 0
    for await (const chunk of response.body!) {
      first ??= performance.now() - start
      for (const byte of chunk) if (byte === 0x0a) rows++
    }
    const last = performance.now() - start
    const after = usage(peer.daemon.pid!)
    console.log(
      `${name}, listing ${listing}: ${rows} rows, the first after ${Math.round(first!)} ms, the last after ` +
        `${(last / 1000).toFixed(1)} s, ${(after.cpu - before.cpu).toFixed(1)} s of CPU (the others ` +
        `${(cpuOfOthers() - before.others).toFixed(1)} s), ` +
        `memory ${before.memory} → at most ${after.peak} MiB`,
    )
  }
}

/** Seconds of CPU, and MiB resident now and at most since the peak was cleared. */
function usage(pid: number): { cpu: number; memory: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const mib = (field: string) => Math.round(Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)![1]) / 1024)
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return { cpu: (Number(fields[11]) + Number(fields[12])) / 100, memory: mib('VmRSS'), peak: mib('VmHWM') }
}

/** Pins that a peer outside holds: no peer has to do anything for them. */
function writeExport(): void {
  const holder = peerOf('a peer outside')
  const lines = Array.from({ length: pins }, (_, index) =>
    goJson(pinToJson(pinAt(`pin ${index}`, [holder]), 'stored')),
  )
  writeFileSync(exported, `${lines.join('\n')}\n`)
}
