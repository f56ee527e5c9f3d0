/**
 * One run: three peers under traffic and faults, drawn from one seed; then all faults end, and the peers must come to
 * agree. The same seed gives the same run, event for event.
 */
import { defaultTrackerSettings, type TrackerSettings } from '../../core/tracker/settings.ts'
import { contentCid, short } from './content.ts'
import { type Defect, noDefect } from './defects.ts'
import { Faults } from './faults.ts'
import { Model } from './model.ts'
import type { Report } from './report.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedIpfs } from './simulated-ipfs.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import { SimulatedPeer } from './simulated-peer.ts'
import { Trace } from './trace.ts'
import { Traffic } from './traffic.ts'
import {
  anytime_only_own_pins_are_unpinned,
  anytimeChecks,
  type Check,
  eventuallyChecks,
  finallyChecks,
  type World,
} from './validate.ts'
import { VirtualTime } from './virtual-time.ts'

export interface SimulationSettings {
  peers: number
  clients: number
  /** Operations of each client. */
  operations: number
  contents: number
  /** Events between two looks at what must hold at any time. */
  checkEvery: number
}

export const defaultSimulation: SimulationSettings = {
  peers: 3,
  clients: 4,
  operations: 18,
  contents: 20,
  checkEvery: 100,
}

const concurrency = 3

const trackerSettings: TrackerSettings = {
  ...defaultTrackerSettings,
  concurrentPins: concurrency,
  concurrentUnpins: concurrency,
  stallTimeout: 10_000,
}

/** Milliseconds that the peers have to agree, once the faults are over. */
const healingTime = 4 * 3_600_000

export function simulate(seed: number, defect: Defect = noDefect, settings = defaultSimulation): Report {
  return new Simulation(seed, defect, settings).run()
}

class Simulation {
  readonly #seed: number
  readonly #settings: SimulationSettings
  readonly #time = new VirtualTime()
  readonly #trace = new Trace(this.#time)
  readonly #model = new Model()
  readonly #network: SimulatedNetwork
  readonly #world: World
  readonly #traffic: Traffic
  readonly #faults: Faults
  readonly #complaints: { check: string; complaint: string }[] = []

  constructor(seed: number, defect: Defect, settings: SimulationSettings) {
    this.#seed = seed
    this.#settings = settings
    const random = new SeededRandom(seed)
    const [time, trace, model] = [this.#time, this.#trace, this.#model]
    const fail = (error: unknown) => this.#complain('anytime_nothing_is_thrown', [String(error)])
    this.#network = new SimulatedNetwork({ time, trace, random: random.fork() })
    const contents = Array.from({ length: settings.contents }, (_, i) => contentCid(`content ${i}`))
    const missing = new Set(contents.filter(() => random.chance(0.08)).map(String))
    const names = Array.from({ length: settings.peers }, (_, i) => `peer${i + 1}`)
    const peers = names.map((name) => {
      const ipfs = new SimulatedIpfs({
        name,
        time,
        trace,
        random: random.fork(),
        isMissing: (cid) => missing.has(cid.toString()),
        onChanging: (from, to) =>
          this.#complain('anytime_only_own_pins_are_unpinned', anytime_only_own_pins_are_unpinned(from, to)),
      })
      for (const cid of contents) if (random.chance(0.1) && !missing.has(cid.toString())) ipfs.pinForeign(cid)
      return new SimulatedPeer({
        name,
        others: names.filter((other) => other !== name),
        time,
        trace,
        random: random.fork(),
        network: this.#network,
        ipfs,
        settings: { ...trackerSettings, ...defect.settings },
        defect,
        onKill: (killed) => model.lose(killed),
        fail,
      })
    })
    this.#world = { peers, model, concurrency, contents, missing }
    const { clients, operations } = settings
    this.#traffic = new Traffic({
      settings: { clients, operations, pause: 400 },
      contents,
      time,
      trace,
      model,
      peers,
      random: random.fork(),
      fail,
    })
    this.#faults = new Faults({
      time,
      trace,
      peers,
      network: this.#network,
      random: random.fork(),
      pause: 1_200,
    })
  }

  run(): Report {
    this.#watch()
    for (const peer of this.#world.peers) peer.start()
    this.#traffic.start()
    this.#faults.start()
    this.#time.runUntil(() => this.#traffic.done || this.#failed)
    this.#faults.heal()
    this.#settle()
    if (!this.#failed) this.#check(finallyChecks)
    return this.#report()
  }

  get #failed(): boolean {
    return this.#complaints.length > 0
  }

  /** Looks every few events at what must hold at any time. */
  #watch(): void {
    this.#time.onEvent(() => {
      if (this.#time.events % this.#settings.checkEvery === 0 && !this.#failed) this.#check(anytimeChecks)
    })
  }

  /** Waits until the peers agree and have nothing left to do. */
  #settle(): void {
    const end = this.#time.monotonic() + healingTime
    let pause = 1_000
    while (!this.#failed && this.#time.monotonic() < end) {
      this.#time.runUntil(() => this.#failed, pause)
      pause = Math.min(60_000, pause * 1.2)
      if (complaintsOf(eventuallyChecks, this.#world).length === 0) return
    }
    if (!this.#failed) this.#check(eventuallyChecks)
  }

  #check(checks: Record<string, Check>): void {
    for (const { check, complaint } of complaintsOf(checks, this.#world)) this.#complain(check, [complaint])
  }

  #complain(check: string, complaints: string[]): void {
    for (const complaint of complaints) this.#complaints.push({ check, complaint })
  }

  #report(): Report {
    for (const { name, store } of this.#world.peers) {
      this.#trace.note(name, `ends with ${store?.heads().map(({ cid }) => short(cid))}`)
    }
    const { lost, doubled } = this.#network.counts
    const outcomes = this.#model.operations.map(({ outcome }) => outcome)
    const count = (wanted: string) => outcomes.filter((outcome) => outcome === wanted).length
    return {
      seed: this.#seed,
      complaints: this.#complaints,
      events: this.#time.events,
      hash: this.#trace.digest(),
      counts: {
        acknowledged: count('acknowledged'),
        lost: count('lost'),
        refused: count('refused'),
        'messages lost': lost,
        'messages doubled': doubled,
        ...Object.fromEntries(this.#faults.counts),
      },
      seconds: Math.round(this.#time.monotonic() / 1000),
      tail: this.#trace.tail(60),
    }
  }
}

function complaintsOf(checks: Record<string, Check>, world: World): { check: string; complaint: string }[] {
  return Object.entries(checks).flatMap(([check, look]) =>
    look(world).map((complaint) => ({ check, complaint })),
  )
}
