/**
 * Peers that do their unasked work on stores in memory and a clock that the test drives. Who is alive, and what each has
 * room for, is what the test says; blocks go from store to store when it says so.
 */
import { allocate } from '../../../core/allocator/allocation.ts'
import type { PeerIdText, Pin } from '../../../core/pin/pin.ts'
import type { Logger } from '../../../core/runtime/ports.ts'
import type { PinsetChange } from '../../../core/runtime/store.ts'
import { defaultUpkeepSettings, type UpkeepMembers, type UpkeepSettings } from '../../../core/upkeep/ports.ts'
import { Upkeep } from '../../../core/upkeep/upkeep.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { openSimulatedStore, SimulatedDisk, type SimulatedStore } from '../../sim/simulated-store.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { allBlocks, allPins, peerOf } from '../store/fixtures.ts'

export interface UpkeepPeer {
  id: PeerIdText
  store: SimulatedStore
  upkeep: Upkeep
  /** Background and user changes that this peer has written, in order, as asked for. */
  asked: PinsetChange[]
  log: string[]
}

export class UpkeepRig {
  readonly time = new VirtualTime()
  readonly random = new SeededRandom(1)
  /** All peers by name, those among them that only hold pins too. */
  readonly ids: Map<string, PeerIdText>
  readonly alive = new Set<PeerIdText>()
  readonly untrusted = new Set<PeerIdText>()
  readonly removed = new Set<PeerIdText>()
  /** Living peers that have no room. */
  readonly full = new Set<PeerIdText>()
  readonly peers: UpkeepPeer[] = []
  readonly parts = new Map<string, Pin[]>()

  constructor(...names: string[]) {
    this.ids = new Map(names.map((name) => [name, peerOf(name)]))
    for (const id of this.ids.values()) this.alive.add(id)
  }

  id(name: string): PeerIdText {
    return this.ids.get(name) ?? peerOf(name)
  }

  nameOf(id: PeerIdText): string {
    return [...this.ids].find(([, each]) => each === id)?.[0] ?? id
  }

  /** Starts the unasked work of a peer, on a store of its own or on that of its life before. */
  start(name: string, settings: Partial<UpkeepSettings> = {}, store = this.#openStore(name)): UpkeepPeer {
    const asked: PinsetChange[] = []
    const log: string[] = []
    const upkeep = new Upkeep({
      self: this.id(name),
      store: {
        write(changes) {
          asked.push(...changes)
          return store.write(changes)
        },
        pins: (query) => store.pins(query),
        expired: (query) => store.expired(query),
        orphans: (limit) => store.orphans(limit),
        lastSequence: () => store.lastSequence(),
      },
      members: this.#membersOf(),
      partsOf: async (meta) => this.parts.get(String(meta.cid)) ?? Promise.reject(new Error('no such block')),
      settings: { ...defaultUpkeepSettings, repinning: true, ...settings },
      runtime: { clock: this.time, scheduler: this.time, random: this.random, logger: listing(log) },
    })
    const peer = { id: this.id(name), store, upkeep, asked, log }
    this.peers.push(peer)
    upkeep.start()
    return peer
  }

  /** Lets time go by, and what is due happen. */
  pass(ms: number): void {
    this.time.run(ms)
  }

  /** Lets a promise come to its end, with as much time as it takes. */
  settle<T>(promise: Promise<T>): T {
    let outcome: { value: T } | { error: unknown } | undefined
    promise.then(
      (value) => {
        outcome = { value }
      },
      (error) => {
        outcome = { error }
      },
    )
    this.time.runUntil(() => outcome !== undefined, 600_000)
    if (outcome === undefined) throw new Error('it never ends')
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  write(peer: UpkeepPeer, ...changes: PinsetChange[]): void {
    this.settle(peer.store.write(changes))
  }

  pin(peer: UpkeepPeer, ...pins: Pin[]): void {
    this.write(peer, ...pins.map((pin): PinsetChange => ({ kind: 'pin', pin })))
  }

  /** All peers get the blocks of all. */
  sync(): void {
    for (const from of this.peers)
      for (const to of this.peers) if (from !== to) this.settle(to.store.merge(allBlocks(from.store)))
  }

  /** Lets time go by with blocks going around every `step` ms. */
  passInSync(ms: number, step: number): void {
    for (let passed = 0; passed < ms; passed += step) {
      this.pass(step)
      this.sync()
    }
  }

  /** Names of the holders by name of pin, as a peer has it. */
  holders(peer: UpkeepPeer): Record<string, string[]> {
    return Object.fromEntries(
      allPins(peer.store).map(({ name, allocations }) => [
        name,
        allocations.map((id) => this.nameOf(id)).sort(),
      ]),
    )
  }

  #openStore(name: string): SimulatedStore {
    const disk = new SimulatedDisk({ random: this.random.fork(), slowestSync: 1 })
    const runtime = { clock: this.time, scheduler: this.time, logger: listing([]) }
    return this.settle(openSimulatedStore({ disk, self: this.id(name), runtime }))
  }

  #membersOf(): UpkeepMembers {
    const given = new Map<PeerIdText, number>()
    return {
      members: () => [...this.alive].sort(),
      isAlive: (peer) => this.alive.has(peer),
      isTrusted: (peer) => !this.untrusted.has(peer),
      isRemoved: (peer) => this.removed.has(peer),
      gave: (peers) => {
        for (const peer of peers) given.set(peer, (given.get(peer) ?? 0) + 1)
      },
      reallocate: (pin, isGone) => {
        const open = [...this.alive].filter((peer) => !this.full.has(peer))
        const metrics = new Map(open.map((peer) => [peer, { value: '', weight: 1000, partitionable: false }]))
        return allocate({
          min: pin.replicationFactorMin,
          max: pin.replicationFactorMax,
          current: pin.allocations,
          preferred: [],
          excluded: new Set([...this.ids.values()].filter(isGone)),
          alive: new Set([...this.alive, ...pin.allocations.filter((peer) => !isGone(peer))]),
          allocateBy: ['freespace'],
          metrics: new Map([['freespace', metrics]]),
          given,
        })
      },
    }
  }
}

/** Keeps messages with their fields, from `info` up. */
function listing(log: string[]): Logger {
  const add = (message: string, fields?: object) =>
    void log.push(`${message} ${JSON.stringify(fields ?? {})}`)
  const logger: Logger = { debug() {}, info: add, warn: add, error: add, component: () => logger }
  return logger
}
