/**
 * A process that runs every walker of the embedded node over every hostile DAG, and prints a line of JSON for each:
 * `bun test/hostile/dag-walkers.ts <folder>`. In a process of its own, so that nothing else takes its time and memory.
 */
import { get } from 'node:http'
import type { CID } from 'multiformats/cid'
import type { EmbeddedIpfs } from '../../core/ipfs/embedded/embedded-ipfs.ts'
import { startNode } from '../unit/ipfs/embedded-node.ts'
import { hostileDags } from './dags.ts'

/** What one walker did with one DAG. */
export interface WalkReport {
  dag: string
  walker: string
  /** The longest time of the main thread between two turns of the event loop, ms of processor time. */
  withoutTurn: number
  /** Bytes of resident memory above what the idle process has. */
  memory: number
}

/** ms after which a walk is ended by its signal, or by the end of its client. */
const patience = 300
/** The same in the round before, which is there to compile the code. */
const warmUpPatience = 50

type Walk = (node: EmbeddedIpfs, root: CID, signal: AbortSignal) => Promise<unknown>

const walkers: Readonly<Record<string, Walk>> = {
  'gateway, page': (node, root, signal) => fetchPath(node, `/ipfs/${root}/`, signal),
  'gateway, CAR': (node, root, signal) => fetchPath(node, `/ipfs/${root}?format=car`, signal),
  'gateway, CAR with duplicates': (node, root, signal) =>
    fetchPath(node, `/ipfs/${root}?format=car&car-dups=y`, signal),
  'gateway, CAR of the entity': (node, root, signal) =>
    fetchPath(node, `/ipfs/${root}?format=car&dag-scope=entity`, signal),
  'gateway, TAR': (node, root, signal) => fetchPath(node, `/ipfs/${root}?format=tar`, signal),
  'gateway, dag-json': (node, root, signal) => fetchPath(node, `/ipfs/${root}?format=dag-json`, signal),
  'path of 900 names': (node, root, signal) =>
    node.resolve(`/ipfs/${root}${'/000000'.repeat(900)}`, { signal }),
  'path of an unknown name': (node, root, signal) => node.resolve(`/ipfs/${root}/nowhere`, { signal }),
  pin: (node, root, signal) => node.pin(root, { mode: 'recursive', stallTimeout: patience, signal }),
  'garbage collection': async (node, _root, signal) => {
    for await (const _ of node.gc({ signal }));
  },
}

async function main(folder: string): Promise<void> {
  await using node = await startNode(folder, {
    gatewayListenMultiaddress: ['/ip4/127.0.0.1/tcp/0'],
    network: 'cluster',
    gcGrace: 3_600_000,
  })
  // All of it twice, so that compiling the code is not taken for a walk.
  for (const isWarmUp of [true, false]) {
    for (const [dag, make] of Object.entries(hostileDags)) {
      const { root, blocks } = await make()
      await node.putBlocks(
        (async function* () {
          yield* blocks
        })(),
      )
      blocks.length = 0
      for (const [walker, walk] of Object.entries(walkers)) {
        const report = {
          dag,
          walker,
          ...(await measure((signal) => walk(node, root, signal), isWarmUp ? warmUpPatience : patience)),
        }
        if (!isWarmUp) console.log(JSON.stringify(report satisfies WalkReport))
      }
      await node.unpin(root)
    }
  }
}

/** Runs a walk until it ends or its time is over. How it ends does not matter here. */
async function measure(walk: (signal: AbortSignal) => Promise<unknown>, time: number) {
  await idle()
  const before = process.memoryUsage.rss()
  let withoutTurn = 0
  let memory = 0
  let isOver = false
  const watching = (async () => {
    for (let last = processorTime(); !isOver; ) {
      await new Promise((resolve) => setTimeout(resolve, 0))
      const now = processorTime()
      withoutTurn = Math.max(withoutTurn, now - last)
      last = now
      memory = Math.max(memory, process.memoryUsage.rss() - before)
    }
  })()
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(new Error('the walk was ended')), time)
  await walk(stop.signal).catch(() => undefined)
  clearTimeout(timer)
  isOver = true
  await watching
  return { withoutTurn, memory }
}

async function idle(): Promise<void> {
  Bun.gc(true)
  await new Promise((resolve) => setTimeout(resolve, 20))
}

/** Of this thread, ms. Not of the wall clock, so that other processes do not count. The types lack the call. */
function processorTime(): number {
  return (process as unknown as { threadCpuUsage(): { user: number } }).threadCpuUsage().user / 1_000
}

/** Reads an answer as fast as it comes. Resolves when it has ended or broken off. */
function fetchPath(node: EmbeddedIpfs, path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    get(`${node.gatewayUrls[0]}${path}`, { signal }, (response) => {
      response
        .on('close', resolve)
        .on('error', () => resolve())
        .resume()
    }).on('error', () => resolve())
  })
}

if (import.meta.main) await main(process.argv[2]!)
