/**
 * One run: peers under traffic and faults, drawn from one seed; then all faults end, and the peers must come to agree. The
 * same seed gives the same run, event for event.
 */
import type { CID } from 'multiformats/cid'
import {
  anytime_background_work_writes_nothing_needlessly,
  anytime_nobody_loses_a_pin_within_the_grace_window,
  anytime_only_own_pins_are_unpinned,
  anytime_told_pinned_is_what_ipfs_confirmed,
  anytime_unchanged_pins_are_stored,
  anytimeChecks,
  onChangeChecks,
} from './anytime.ts'
import { contentCid, short, sizeOf } from './content.ts'
import { eventuallyChecks, promptChecks, promptness } from './eventually.ts'
import { faultKinds, storageFaultKinds } from './fault-kinds.ts'
import { Faults } from './faults.ts'
import { finallyChecks } from './finally.ts'
import { Model } from './model.ts'
import { type Mask, masked, noMask, type Plan } from './plan.ts'
import type { Report } from './report.ts'
import { SeededRandom } from './seeded-random.ts'
import { SimulatedIpfs } from './simulated-ipfs.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import { peerIdOf, SimulatedPeer } from './simulated-peer.ts'
import { Stranger } from './stranger.ts'
import { Trace } from './trace.ts'
import { Traffic } from './traffic.ts'
import { VirtualTime } from './virtual-time.ts'
import type { Check, LivePeer, World } from './world.ts'

const reallocationChecks = {
  anytime_background_work_writes_nothing_needlessly,
  anytime_nobody_loses_a_pin_within_the_grace_window,
}

/** Milliseconds that the peers have to agree, once the faults are over. */
const healingTime = 2 * 3_600_000

export function simulate(plan: Plan, mask: Mask = noMask): Report {
  return new Simulation(masked(plan, mask), mask).run()
}

class Simulation {
  readonly #plan: Plan
  readonly #mask: Mask
  readonly #time = new VirtualTime()
  readonly #trace = new Trace(this.#time)
  readonly #model = new Model()
  readonly #network: SimulatedNetwork
  readonly #world: World
  readonly #traffic: Traffic
  readonly #faults: Faults
  readonly #complaints: { check: string; complaint: string }[] = []
  /** IPFS nodes so far. */
  #nodes = 0

  constructor(plan: Plan, mask: Mask) {
    this.#plan = plan
    this.#mask = mask
    const random = SeededRandom.of(plan.seed, 'world', 0)
    const [time, trace, model] = [this.#time, this.#trace, this.#model]
    const names = Array.from({ length: plan.peers }, (_, i) => `peer${i + 1}`)
    const nameOf = new Map([...names, 'stranger'].map((name) => [peerIdOf(name), name]))
    this.#network = new SimulatedNetwork({
      time,
      trace,
      random: random.fork(),
      nameOf: (peer) => nameOf.get(peer) ?? peer,
    })
    const contents = Array.from({ length: plan.contents }, (_, i) => contentCid(`content ${i}`))
    const missing = new Set(contents.filter(() => random.chance(0.08)).map(String))
    this.#world = {
      plan,
      model,
      contents,
      missing,
      peers: [],
      stranger: this.#stranger(contents, random),
      references: new Map(),
    }
    const peers = names.map((name) => this.#peer(name, names, random.fork()))
    this.#world.peers = peers
    this.#traffic = new Traffic({
      plan,
      skipped: mask.operations,
      contents,
      time,
      trace,
      model,
      peers,
      newIpfs: (peer) => this.#ipfs(peer.name),
      onToldPinned: (peer, cid) => this.#complain(peer, cid, { anytime_told_pinned_is_what_ipfs_confirmed }),
      onUnchanged: (peer, cid) => this.#complain(peer, cid, { anytime_unchanged_pins_are_stored }),
      fail: (error) => this.#fail(error),
    })
    this.#faults = new Faults({
      plan,
      skipped: mask.faults,
      time,
      trace,
      peers,
      network: this.#network,
      onLose: ({ name }) => model.bury(name),
    })
  }

  run(): Report {
    this.#watch()
    for (const peer of this.#world.peers) peer.start()
    this.#world.stranger?.start()
    this.#traffic.start()
    this.#faults.start()
    this.#time.runUntil(() => this.#traffic.done || this.#failed)
    this.#faults.heal()
    this.#settle()
    if (!this.#failed) this.#check(finallyChecks)
    return this.#report()
  }

  #stranger(contents: readonly CID[], random: SeededRandom): Stranger | undefined {
    const { hasStranger, pause } = this.#plan
    if (!hasStranger) return undefined
    return new Stranger({
      id: peerIdOf('stranger'),
      network: this.#network,
      time: this.#time,
      random: random.fork(),
      contents,
      pause: 10 * pause,
    })
  }

  #peer(name: string, names: readonly string[], random: SeededRandom): SimulatedPeer {
    const { regions, hasFollower, repinning } = this.#plan
    const follower = hasFollower ? names.at(-1) : undefined
    return new SimulatedPeer({
      name,
      others: names.filter((other) => other !== name).map(peerIdOf),
      trusted: names.filter((other) => other !== follower).map(peerIdOf),
      config: {
        concurrency: 3,
        defaults: random.pick([
          { min: -1, max: -1 },
          { min: 1, max: 2 },
          { min: 2, max: 3 },
        ]),
        region: regions === 0 ? undefined : `region${random.between(1, regions)}`,
        repinning,
        isFollower: name === follower,
      },
      time: this.#time,
      trace: this.#trace,
      random: random.fork(),
      network: this.#network,
      ipfs: this.#ipfs(name),
      onStart: (peer, { store }) => {
        store.onChange((changes) => {
          for (const { cid, kind } of changes)
            if (kind === 'pinset') this.#complain(peer, cid, onChangeChecks)
        })
      },
      onKill: (killed) => this.#model.lose(killed),
      fail: (error) => this.#fail(error),
      onReallocate: (observed) => {
        for (const [check, look] of Object.entries(reallocationChecks)) this.#note(check, look(observed))
      },
    })
  }

  #ipfs(name: string): SimulatedIpfs {
    const { contents, missing } = this.#world
    const number = ++this.#nodes
    const random = SeededRandom.of(this.#plan.seed, 'IPFS', number)
    const ipfs = new SimulatedIpfs({
      id: `ipfs-${number}`,
      name,
      time: this.#time,
      trace: this.#trace,
      random: random.fork(),
      capacity: random.between(20, 120) * contents.length,
      sizeOf,
      isMissing: (cid) => missing.has(cid.toString()),
      onChanging: (from, to) =>
        this.#note('anytime_only_own_pins_are_unpinned', anytime_only_own_pins_are_unpinned(from, to)),
    })
    for (const cid of contents) if (random.chance(0.1) && !missing.has(cid.toString())) ipfs.pinForeign(cid)
    return ipfs
  }

  get #failed(): boolean {
    return this.#complaints.length > 0
  }

  /** Looks every few events at what must hold at any time. */
  #watch(): void {
    this.#time.onEvent(() => {
      if (this.#time.events % this.#plan.checkEvery === 0 && !this.#failed) this.#check(anytimeChecks)
    })
  }

  /** Waits until the peers agree and have nothing left to do. */
  #settle(): void {
    const healed = this.#time.monotonic()
    let pause = 1_000
    let due: Record<string, Check> = promptChecks
    while (!this.#failed && this.#time.monotonic() < healed + healingTime) {
      this.#time.runUntil(() => this.#failed, pause)
      pause = Math.min(60_000, pause * 1.2)
      if (complaintsOf(eventuallyChecks, this.#world).length === 0) return
      if (this.#time.monotonic() < healed + promptness) continue
      // Once: from then on the others alone are waited for.
      this.#check(due)
      due = {}
    }
    if (!this.#failed) this.#check(eventuallyChecks)
  }

  #check(checks: Record<string, Check>): void {
    this.#complaints.push(...complaintsOf(checks, this.#world))
  }

  /** Looks at one pin of one peer, if that is up. */
  #complain(
    peer: SimulatedPeer,
    cid: CID,
    checks: Record<string, (peer: LivePeer, cid: CID) => string[]>,
  ): void {
    if (peer.process === undefined) return
    for (const [check, look] of Object.entries(checks)) this.#note(check, look(peer as LivePeer, cid))
  }

  #note(check: string, complaints: string[]): void {
    for (const complaint of complaints) this.#complaints.push({ check, complaint })
  }

  #fail(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#note('anytime_nothing_is_thrown', [text])
  }

  #report(): Report {
    for (const { name, store } of this.#world.peers) {
      this.#trace.note(name, `ends with ${store?.heads().map(({ cid }) => short(cid))}`)
    }
    this.#trace.note('world', `ends after ${this.#time.events} events`)
    const outcomes = this.#model.operations.map(({ outcome }) => outcome)
    const count = (wanted: string) => outcomes.filter((outcome) => outcome === wanted).length
    const disks = this.#world.peers.map(({ disk }) => disk.counts)
    return {
      seed: this.#plan.seed,
      mask: this.#mask,
      drawn: { operations: this.#plan.operations, faults: this.#faults.drawn, peers: this.#plan.peers },
      complaints: this.#complaints,
      events: this.#time.events,
      hash: this.#trace.digest(),
      counts: {
        operations: [...this.#traffic.counts.values()].reduce((sum, each) => sum + each, 0),
        ...Object.fromEntries(
          [...this.#traffic.counts].map(([kind, number]) => [`asked to ${kind}`, number]),
        ),
        acknowledged: count('acknowledged'),
        unchanged: count('unchanged'),
        lost: count('lost'),
        refused: count('refused'),
      },
      faults: {
        ...Object.fromEntries(
          [...faultKinds, ...storageFaultKinds].map((kind) => [kind, this.#faults.counts.get(kind) ?? 0]),
        ),
        ...this.#network.counts,
        'unsynced writes lost': disks.reduce((sum, { lost }) => sum + lost, 0),
        'writes torn': disks.reduce((sum, { torn }) => sum + torn, 0),
        'blocks of a stranger': this.#world.stranger?.blocks.size ?? 0,
      },
      seconds: Math.round(this.#time.monotonic() / 1000),
      tail: this.#trace.tail(80),
    }
  }
}

function complaintsOf(checks: Record<string, Check>, world: World): { check: string; complaint: string }[] {
  return Object.entries(checks).flatMap(([check, look]) =>
    look(world).map((complaint) => ({ check, complaint })),
  )
}
