/**
 * How fast a fresh peer catches up with one that holds a history of one-delta pins, and how fast two peers of the original
 * do, where their programs are: `bun test/bench/catch-up.ts [pins] [pins for the original]`.
 */
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { goBinaries } from '../interop/rig/binaries.ts'
import type { FoundBinaries } from '../interop/rig/describe-with-go.ts'
import { GoPeer } from '../interop/rig/go-peer.ts'
import { KuboNode } from '../interop/rig/kubo.ts'
import { testSecret, testSettings } from '../support/network-peer.ts'

const pins = Number(process.argv[2] ?? 100_000)
const pinsOfOriginal = Number(process.argv[3] ?? 5_000)

const ours = await measureOurs()
const binaries = await goBinaries()
if (binaries.path === undefined) console.log(`the original: skipped, ${binaries.missing}`)
else {
  const its = await measureOriginal(binaries.path)
  console.log(`ours is ${(ours / its).toFixed(1)} times as fast`)
}

/** Pins a second. */
async function measureOurs(): Promise<number> {
  await using holder = start([`${pins}`])
  const { address } = await holder.next()
  await using newcomer = start([`${pins}`, address])
  await newcomer.next()
  const { seconds, cpu, memory } = await newcomer.next()
  const rate = pins / seconds
  console.log(
    `two of ours: ${pins} pins in ${seconds.toFixed(1)} s (${cpu.toFixed(1)} s of CPU), ` +
      `${Math.round(rate)} pins/s, ${Math.round(memory / 2 ** 20)} MiB`,
  )
  return rate
}

/** The first peer of the original gets the history from one of ours, the second from the first. */
async function measureOriginal(path: FoundBinaries['path']): Promise<number> {
  await using kubo = await KuboNode.start({ program: path.ipfs })
  const create = async (peerAddress: string) =>
    await GoPeer.create({
      path,
      ipfs: kubo.api,
      configure(service) {
        service.cluster.secret = testSecret
        service.cluster.peer_addresses = [peerAddress]
        service.consensus.crdt.cluster_name = testSettings.clusterName
        service.consensus.crdt.rebroadcast_interval = '2s'
      },
    })
  await using first = await startFirst(create)
  await using second = await create(first.address)
  await second.start()
  const rate = await rateOf(second)
  console.log(`two of the original: ${pinsOfOriginal} pins, ${Math.round(rate)} pins/s`)
  return rate
}

async function startFirst(create: (address: string) => Promise<GoPeer>): Promise<GoPeer> {
  await using holder = start([`${pinsOfOriginal}`])
  const { address } = await holder.next()
  const first = await create(address)
  await first.start()
  const rate = await rateOf(first)
  console.log(`the original from ours: ${pinsOfOriginal} pins, ${Math.round(rate)} pins/s`)
  return first
}

/** Pins a second, from the first that is there to the last. */
async function rateOf(peer: GoPeer): Promise<number> {
  let began: { at: number; count: number } | undefined
  for (;;) {
    const text = await (await fetch(`${peer.restUrl}/allocations`)).text()
    const count = text.split('\n').filter(Boolean).length
    const at = performance.now()
    if (count > 0) began ??= { at, count }
    if (count >= pinsOfOriginal && began !== undefined)
      return (count - began.count) / ((at - began.at) / 1_000)
    await Bun.sleep(250)
  }
}

function start(args: string[]) {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'history-peer.ts'), ...args], {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const lines = createInterface({ input: Readable.fromWeb(child.stdout as never) })[Symbol.asyncIterator]()
  return {
    async next() {
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`a peer ended with ${await child.exited}`)
      return JSON.parse(value)
    },
    async [Symbol.asyncDispose]() {
      await child.stdin.end()
      await child.exited
    },
  }
}
