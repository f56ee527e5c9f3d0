/**
 * A cluster of two peers of the original, two of ours and a follower of ours under load, while connections break and peers are
 * killed at random. When all is mended, all must have the same pins, and ours what they acknowledged. `soak.test.ts` runs it
 * for a short time; by hand:
 *
 *     bun test/interop/soak.ts [--minutes 60] [--seed 1] [--logs folder]
 *
 * The seed decides what is drawn, in its order; when it meets what depends on the machine. SIGTERM ends load and faults before
 * their time; what must hold in the end must hold then.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import { SeededRandom } from '../sim/seeded-random.ts'
import { cidOf } from '../unit/store/fixtures.ts'
import { goBinaries } from './rig/binaries.ts'
import type { ClusterPeer } from './rig/cluster-peer.ts'
import type { FoundBinaries } from './rig/describe-with-go.ts'
import { GoPeer } from './rig/go-peer.ts'
import { MockKubo } from './rig/mock-kubo.ts'
import { OurPeer } from './rig/our-peer.ts'
import { PairLinks } from './rig/pair-links.ts'
import { eventually, formCluster, membersOf, samePins, startAll } from './rig/test-cluster.ts'
import { disturb } from './soak-faults.ts'
import { askFollower, SoakClient } from './soak-traffic.ts'

export interface SoakRun {
  path: FoundBinaries['path']
  minutes: number
  seed: number
  /** Gets a line for each fault, and one for how it goes every half minute. */
  say(line: string): void
  /** The logs of the peers are copied there when it fails. */
  logs?: string | undefined
  /** Ends load and faults before their time. */
  signal?: AbortSignal
}

export interface SoakReport {
  /** Lines of the export that all agree on. */
  pins: number
  /** How often what happened. */
  counts: Record<string, number>
}

/** Milliseconds in which ours must agree when everything is mended, and then all. Lost peers are looked for every 30 s. */
const healingTimeout = 180_000
const progressInterval = 30_000
const names = ['go1', 'go2', 'ours1', 'ours2', 'follower'] as const

/** Rejects when peers disagree in the end, or answer what they must not. */
export async function soak(run: SoakRun): Promise<SoakReport> {
  await using stack = new AsyncDisposableStack()
  const peers: ClusterPeer[] = []
  for (const name of names) {
    const ipfs = stack.use(new MockKubo()).api
    const peer = name.startsWith('go')
      ? GoPeer.create({ path: run.path, ipfs, init: ['--datastore', 'badger3'] })
      : OurPeer.create({ ipfs })
    peers.push(stack.use(await peer))
  }
  formCluster(peers, {
    trusted: peers.slice(0, -1).map(({ id }) => id),
    configure(service, peer) {
      service.cluster.peername = names[peers.indexOf(peer)]
      service.cluster.follower_mode = peer === peers.at(-1)
    },
  })
  const links = stack.use(await PairLinks.between(peers))
  try {
    await startAll(peers)
    return await new Soak(run, peers, links).all()
  } catch (error) {
    if (run.logs !== undefined) keepLogs(peers, run.logs)
    throw error
  }
}

class Soak {
  readonly #run: SoakRun
  readonly #peers: readonly ClusterPeer[]
  readonly #links: PairLinks
  readonly #random: SeededRandom
  readonly #clients: readonly SoakClient[]
  readonly #counts = new Map<string, number>()
  readonly #began = performance.now()

  constructor(run: SoakRun, peers: readonly ClusterPeer[], links: PairLinks) {
    this.#run = run
    this.#peers = peers
    this.#links = links
    this.#random = new SeededRandom(run.seed)
    this.#clients = peers.slice(0, -1).map((peer) => new SoakClient(peer, this.#random.fork()))
  }

  async all(): Promise<SoakReport> {
    await this.#storm()
    this.#say('all is mended')
    const last = await this.#lastWords()
    const hasAll = (pins: readonly string[]) =>
      last.every((name) => pins.some((line) => JSON.parse(line).name === name))
    const ours = this.#peers.filter((peer) => peer instanceof OurPeer)
    const lines = await samePins('mended', ours, hasAll, healingTimeout)
    this.#say(`ours list the same ${lines.length} pins`)
    await this.#repairOriginals(hasAll)
    await samePins('repaired', this.#peers, (pins) => Bun.deepEquals(pins, lines), healingTimeout)
    await membersOf(this.#peers, this.#peers)
    this.#say(`all list the same ${lines.length} pins`)
    this.#nothingIsLost(new Set(lines.map((line) => JSON.parse(line).cid)))
    for (const peer of this.#peers) await this.#holdsAfterStop(peer, lines)
    return { pins: lines.length, counts: Object.fromEntries([...this.#counts].sort()) }
  }

  /** Load and faults together, until the time is over or one of them finds a mistake. */
  async #storm(): Promise<void> {
    const stop = new AbortController()
    const { signal } = stop
    const early = this.#run.signal
    if (early?.aborted) stop.abort()
    early?.addEventListener('abort', () => stop.abort())
    const timer = setTimeout(() => stop.abort(), this.#run.minutes * 60_000)
    const progress = setInterval(() => void this.#progress(), progressInterval)
    const count = (event: string) => this.#count(event)
    const parts = [
      ...this.#clients.map((client) => client.write(signal, count)),
      askFollower(this.#peers.at(-1)!, this.#random.fork(), signal, count),
      disturb({
        peers: this.#peers,
        links: this.#links,
        random: this.#random.fork(),
        signal,
        told: (event, of) => {
          this.#count(event)
          this.#say(`${event}: ${of}`)
        },
      }),
    ]
    try {
      await Promise.all(parts)
    } finally {
      stop.abort()
      clearTimeout(timer)
      clearInterval(progress)
      await Promise.allSettled(parts)
    }
  }

  /** Once they have the newest heads: they look for what is missing below those that they have. */
  async #repairOriginals(hasNewest: (pins: readonly string[]) => boolean): Promise<void> {
    for (const peer of this.#peers.filter((each) => each instanceof GoPeer)) {
      await eventually(
        `${peer.name} has heard the last`,
        async () => hasNewest(await peer.pins()),
        healingTimeout,
      )
      await peer.repair()
      this.#say(`${peer.name} has been started again to repair`)
    }
  }

  /** Each full peer writes once more: what one of them says now must reach all. Gives the names of these pins. */
  async #lastWords(): Promise<string[]> {
    const last = this.#clients.map(({ peer }) => ({ peer, name: `the last of ${peer.name}` }))
    for (const { peer, name } of last) await peer.client.pin(cidOf(name).toString(), { name })
    return last.map(({ name }) => name)
  }

  /** What ours acknowledged is there, though they were killed; the original does not sync, and may lose some. */
  #nothingIsLost(pinned: ReadonlySet<string>): void {
    for (const client of this.#clients) {
      const lost = client.lost(pinned)
      if (client.peer instanceof OurPeer && lost.length > 0) {
        throw new Error(`${client.peer.name} lost acknowledged changes:\n${lost.join('\n')}`)
      }
      for (const _ of lost) this.#count('acknowledged changes that the original lost')
    }
  }

  async #holdsAfterStop(peer: ClusterPeer, lines: readonly string[]): Promise<void> {
    await peer.stop()
    if (!Bun.deepEquals(await peer.exportState(), lines)) {
      throw new Error(`${peer.name} exports other pins than it listed`)
    }
    if (peer instanceof OurPeer) await peer.cluster('state', 'check')
    this.#say(`${peer.name} exports them`)
  }

  async #progress(): Promise<void> {
    const states = await Promise.all(
      this.#peers.map(async (peer) => {
        const pins = await peer.pins().then(
          (lines) => `${lines.length}`,
          () => 'no answer',
        )
        return `${peer.name} ${pins}${residentMemory(peer)}`
      }),
    )
    this.#say(`pins: ${states.join(', ')}; ${this.#counts.get('pins') ?? 0} pinned so far`)
  }

  #count(event: string): void {
    this.#counts.set(event, (this.#counts.get(event) ?? 0) + 1)
  }

  #say(line: string): void {
    const seconds = (performance.now() - this.#began) / 1_000
    this.#run.say(`${seconds.toFixed(1).padStart(7)} s  ${line}`)
  }
}

/** Of its process, where the system tells it. */
function residentMemory({ daemon: { pid } }: ClusterPeer): string {
  const file = `/proc/${pid}/status`
  if (pid === undefined || !existsSync(file)) return ''
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(file, 'utf8'))?.[1]
  return kilobytes === undefined ? '' : ` (${Math.round(Number(kilobytes) / 1_024)} MiB)`
}

function keepLogs(peers: readonly ClusterPeer[], folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (const peer of peers) copyFileSync(join(peer.folder, 'daemon.log'), join(folder, `${peer.name}.log`))
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '60' },
      seed: { type: 'string', default: `${Math.floor(Math.random() * 2 ** 32)}` },
      logs: { type: 'string' },
    },
  })
  const binaries = await goBinaries((line) => console.error(line))
  if (binaries.path === undefined) throw new Error(`no soak without the original: ${binaries.missing}`)
  if (!hasExecutable) throw new Error(`no soak${whyMissing}`)
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)]
  const early = new AbortController()
  process.once('SIGTERM', () => early.abort())
  console.log(`seed ${seed}, ${minutes} minutes`)
  const { pins, counts } = await soak({
    path: binaries.path,
    minutes,
    seed,
    logs: values.logs,
    signal: early.signal,
    say: console.log,
  })
  console.log(`seed ${seed}: all export the same ${pins} pins`)
  for (const [event, count] of Object.entries(counts)) console.log(`${String(count).padStart(7)}  ${event}`)
}
