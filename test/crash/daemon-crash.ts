/**
 * Kills a daemon with SIGKILL at random moments under a load of pins and unpins, starts it again, and compares its pinset
 * with what it had acknowledged. Run it by itself for a long run:
 *
 *     bun test/crash/daemon-crash.ts [--rounds 200] [--drop-unsynced]
 */
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { PinsetOracle, type Wanted } from './pinset-oracle.ts'
import { type UnsyncedWrites, watchUnsyncedWrites } from './unsynced-writes.ts'

export interface CrashRun {
  executable: string
  rounds: number
  dropUnsynced: boolean
  /** Called after each round. */
  onRound?(round: RoundReport): void
}

export interface RoundReport {
  round: number
  acknowledged: number
  /** Writes that the crash took back. */
  undone: number
}

/** CIDs that the load works on: few enough to meet each other often. */
const cidCount = 400
const clients = 8
/** Milliseconds of load before the kill, at most. */
const longestLoad = 400
const startTimeout = 30_000
/** Rounds between two runs of the check command, which takes longer than a round. */
const checkEvery = 20

const cids = Array.from({ length: cidCount }, (_, index) => {
  const hash = new Bun.CryptoHasher('sha256').update(`crash-${index}`).digest()
  return CID.createV1(0x55, createDigest(0x12, new Uint8Array(hash))).toString()
})

/** Resolves with the acknowledged changes; rejects at the first broken promise. */
export async function crashDaemon(run: CrashRun): Promise<number> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'cluster-daemon-crash-')))
  const unsynced = run.dropUnsynced ? await watchUnsyncedWrites(join(folder, 'store')) : undefined
  try {
    return await new Crashes(run, folder, unsynced).all()
  } finally {
    await unsynced?.remove()
    await rm(folder, { recursive: true, force: true })
  }
}

class Crashes {
  readonly #run: CrashRun
  readonly #folder: string
  readonly #unsynced: UnsyncedWrites | undefined
  readonly #oracle = new PinsetOracle()
  readonly #port = 20_000 + Math.floor(Math.random() * 20_000)
  #acknowledged = 0

  constructor(run: CrashRun, folder: string, unsynced: UnsyncedWrites | undefined) {
    this.#run = run
    this.#folder = folder
    this.#unsynced = unsynced
  }

  async all(): Promise<number> {
    await this.#command('init', '--ipfs', 'kubo')
    for (let round = 1; round <= this.#run.rounds; round++) await this.#round(round)
    await this.#checkStore()
    await using _ = await this.#verified()
    return this.#acknowledged
  }

  async #round(round: number): Promise<void> {
    const before = this.#acknowledged
    const daemon = await this.#verified()
    const load = new AbortController()
    const running = Array.from({ length: clients }, () => this.#load(load.signal))
    await Bun.sleep(Math.random() * longestLoad)
    daemon.kill()
    await daemon.exited
    load.abort()
    await Promise.all(running)
    const undone = (await this.#unsynced?.drop()) ?? 0
    if (round % checkEvery === 0) await this.#checkStore()
    this.#run.onRound?.({ round, acknowledged: this.#acknowledged - before, undone })
  }

  /** Starts the daemon and compares its pinset with what was acknowledged. */
  async #verified() {
    const daemon = this.#start()
    await this.#untilAnswers(daemon.process)
    const pinned = await this.#pinned()
    const broken = this.#oracle.broken(pinned)
    if (broken.length > 0) {
      daemon.kill()
      throw new Error(`${broken.length} promises broken, of them:\n${broken.slice(0, 10).join('\n')}`)
    }
    this.#oracle.settle(pinned)
    return daemon
  }

  #start() {
    const process_ = Bun.spawn([this.#run.executable, 'daemon'], {
      env: { ...this.#environment(), ...this.#unsynced?.environment },
      stdout: 'ignore',
      stderr: Bun.file(join(this.#folder, 'daemon.log')),
    })
    const kill = () => process_.kill('SIGKILL')
    return {
      process: process_,
      exited: process_.exited,
      kill,
      async [Symbol.asyncDispose]() {
        kill()
        await process_.exited
      },
    }
  }

  #environment(): Record<string, string> {
    const tcp = (port: number) => `/ip4/127.0.0.1/tcp/${port}`
    return {
      PATH: process.env.PATH ?? '',
      HOME: this.#folder,
      IPFS_CLUSTER_PATH: this.#folder,
      CLUSTER_LISTENMULTIADDRESS: tcp(this.#port + 1),
      CLUSTER_MDNSINTERVAL: '0s',
      CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS: tcp(this.#port),
      CLUSTER_PINSVCAPI_HTTPLISTENMULTIADDRESS: tcp(this.#port + 2),
      CLUSTER_IPFSPROXY_LISTENMULTIADDRESS: tcp(this.#port + 3),
      // Nothing listens there: the pinset must not care.
      CLUSTER_IPFSHTTP_NODEMULTIADDRESS: tcp(1),
    }
  }

  async #untilAnswers(daemon: Bun.Subprocess): Promise<void> {
    const deadline = Date.now() + startTimeout
    while (Date.now() < deadline && daemon.exitCode === null) {
      const answers = await fetch(this.#url('/health')).then(
        (response) => response.status === 204,
        () => false,
      )
      if (answers) return
      await Bun.sleep(10)
    }
    throw new Error(`the daemon did not start: ${await Bun.file(join(this.#folder, 'daemon.log')).text()}`)
  }

  async #load(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const cid = cids[Math.floor(Math.random() * cids.length)]!
      // One client a CID at a time, so that the order of answers is the order of changes.
      if (this.#busy.has(cid)) continue
      this.#busy.add(cid)
      try {
        await this.#change(cid, Math.random() < 0.6 ? 'pinned' : 'unpinned')
      } catch {
        // The daemon was killed; whether the change happened is open.
        return
      } finally {
        this.#busy.delete(cid)
      }
    }
  }

  readonly #busy = new Set<string>()

  async #change(cid: string, wanted: Wanted): Promise<void> {
    this.#oracle.asked(cid, wanted)
    const path = wanted === 'pinned' ? `/pins/${cid}?name=${Math.random()}` : `/pins/${cid}`
    const response = await fetch(this.#url(path), { method: wanted === 'pinned' ? 'POST' : 'DELETE' })
    await response.arrayBuffer()
    if (response.status === 200) {
      this.#oracle.answered(cid, wanted)
      this.#acknowledged += 1
    } else if (response.status === 404 && wanted === 'unpinned') this.#oracle.refused(cid)
    else throw new Error(`${path} answered ${response.status}`)
  }

  async #pinned(): Promise<Set<string>> {
    const response = await fetch(this.#url('/allocations'))
    const lines = (await response.text()).split('\n').filter((line) => line !== '')
    return new Set(lines.map((line) => (JSON.parse(line) as { cid: string }).cid))
  }

  async #checkStore(): Promise<void> {
    await this.#command('state', 'check')
  }

  async #command(...words: string[]): Promise<void> {
    const command = Bun.spawn([this.#run.executable, ...words], {
      env: this.#environment(),
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const output = await Promise.all([
      new Response(command.stdout).text(),
      new Response(command.stderr).text(),
    ])
    if ((await command.exited) !== 0)
      throw new Error(`cluster ${words.join(' ')} failed:\n${output.join('\n')}`)
  }

  #url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`
  }
}

if (import.meta.main) {
  const words = process.argv.slice(2)
  const rounds = words.includes('--rounds') ? Number(words[words.indexOf('--rounds') + 1]) : 200
  const acknowledged = await crashDaemon({
    executable: process.env.CLUSTER_EXECUTABLE ?? join(import.meta.dir, '../../dist/cluster'),
    rounds,
    dropUnsynced: words.includes('--drop-unsynced'),
    onRound: ({ round, acknowledged: changes, undone }) =>
      console.log(`round ${round}: ${changes} changes acknowledged, ${undone} unsynced writes dropped`),
  })
  console.log(`${rounds} kills, ${acknowledged} acknowledged changes, none lost`)
}
