/** What goes wrong: one fault after the other, drawn from the seed, each for a while. Counted by kind when it happens. */
import type { FaultKind, StorageFaultKind } from './fault-kinds.ts'
import type { Plan } from './plan.ts'
import { SeededRandom } from './seeded-random.ts'
import { calmIpfs, type IpfsConditions } from './simulated-ipfs.ts'
import { calmNetwork, type NetworkConditions, type SimulatedNetwork } from './simulated-network.ts'
import type { SimulatedPeer } from './simulated-peer.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface FaultsInit {
  plan: Plan
  /** Numbers of faults that are left out. */
  skipped: ReadonlySet<number>
  time: VirtualTime
  trace: Trace
  peers: readonly SimulatedPeer[]
  network: SimulatedNetwork
  /** A peer is about to be lost with its disk. */
  onLose(peer: SimulatedPeer): void
}

/** One fault that is about to happen. */
interface Fault {
  random: SeededRandom
  peer: SimulatedPeer
  /** Milliseconds that it lasts. */
  lasts: number
}

const badNetworks: readonly NetworkConditions[] = [
  { loss: 0.3, doubled: 0.2, delay: { from: 1, to: 50 } },
  { loss: 0.05, doubled: 0.05, delay: { from: 10, to: 2_000 } },
  { loss: 0.9, doubled: 0, delay: { from: 1, to: 10 } },
]

const badIpfs = {
  'IPFS down': { ...calmIpfs, state: 'down' },
  'IPFS hanging': { ...calmIpfs, state: 'hanging' },
  'IPFS failing': { ...calmIpfs, failure: 0.3, lostAnswer: 0.3 },
  'IPFS slow': { ...calmIpfs, pace: { from: 100, to: 5_000 } },
} as const satisfies Partial<Record<FaultKind, IpfsConditions>>

/** Milliseconds for which a peer that is away for long is away: longer than anybody waits for it. */
const longAbsence = { from: 60_000, to: 400_000 }

/** Milliseconds that a clock is set wrong by at most. */
const farthestJump = 180_000

export class Faults {
  readonly #init: FaultsInit
  readonly counts = new Map<FaultKind | StorageFaultKind, number>()
  /** Faults so far, those that were left out included. */
  drawn = 0
  #ended = false

  constructor(init: FaultsInit) {
    this.#init = init
  }

  start(): void {
    void this.#act()
    if (this.#init.plan.storageFaults.length > 0) void this.#actOnStorage()
  }

  /** Everything is well from now on, and everybody up that is not lost. */
  heal(): void {
    const { network, peers, plan, trace } = this.#init
    // At the latest: it comes too seldom otherwise for what is done about it to be seen.
    if (plan.faults.includes('lost for good')) this.#loseAtLast()
    this.#ended = true
    trace.note('faults', 'all end')
    network.heal()
    for (const peer of peers) {
      peer.ipfs.conditions = calmIpfs
      peer.clock.correct()
      peer.setDiskFull(false)
      peer.goOn()
      peer.start()
    }
  }

  async #act(): Promise<void> {
    const { time, plan, peers, skipped } = this.#init
    while (!this.#ended) {
      const index = ++this.drawn
      const random = SeededRandom.of(plan.seed, 'fault', index)
      await time.sleep(random.between(plan.faultPause / 10, plan.faultPause))
      const kind = random.pick(plan.faults)
      const fault = {
        random,
        peer: random.pick(peers),
        lasts: random.between(plan.pause / 5, 6 * plan.pause),
      }
      if (this.#ended) return
      if (skipped.has(index)) continue
      if (this.#inflict(kind, fault)) this.#count(index, kind)
    }
  }

  /** Half as often as the others. They are left out when all others are. */
  async #actOnStorage(): Promise<void> {
    const { time, plan, peers, skipped } = this.#init
    for (let index = 1; !this.#ended; index++) {
      const random = SeededRandom.of(plan.seed, 'storage fault', index)
      await time.sleep(random.between(plan.faultPause / 5, 2 * plan.faultPause))
      const kind = random.pick(plan.storageFaults)
      const fault = {
        random,
        peer: random.pick(peers),
        lasts: random.between(plan.pause / 5, 6 * plan.pause),
      }
      if (this.#ended) return
      if (skipped.has(index)) continue
      if (this.#damage(kind, fault)) this.#count(index, kind)
    }
  }

  #damage(kind: StorageFaultKind, { random, peer, lasts }: Fault): boolean {
    const { ipfs } = peer
    if (peer.isLost) return false
    switch (kind) {
      case 'block lost':
      case 'block flipped': {
        const block = ipfs.damageBlock(random)
        // Some are never read.
        if (block !== undefined && random.chance(0.8)) this.#later(lasts, () => ipfs.read(block))
        return block !== undefined
      }
      case 'index lost':
        peer.kill(false)
        ipfs.replaceIndex()
        this.#later(lasts, () => peer.start())
        return true
      case 'index of yesterday': {
        const copy = ipfs.copyIndex()
        this.#later(lasts, () => {
          peer.kill(false)
          ipfs.replaceIndex(copy)
          peer.start()
        })
        return true
      }
    }
  }

  #count(index: number, kind: FaultKind | StorageFaultKind): void {
    this.#init.trace.note('faults', `#${index} ${kind}`)
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
  }

  /** False when there was nothing to break. */
  #inflict(kind: FaultKind, fault: Fault): boolean {
    const { random, peer } = fault
    switch (kind) {
      case 'kill':
      case 'power loss':
        return this.#kill(fault, kind === 'power loss')
      case 'kill at a step':
        return this.#killAfter(fault, random.between(1, 60))
      case 'kill in a write':
        return this.#killWhen(fault, () => peer.requests > 0 && random.chance(0.3))
      case 'pause':
        return this.#pause(fault)
      case 'long absence':
        return this.#kill({ ...fault, lasts: random.between(longAbsence.from, longAbsence.to) }, false)
      case 'lost for good':
        return this.#lose(fault)
      case 'bad network':
        return this.#worsenNetwork(fault)
      case 'cut one way':
        return this.#cut(fault, [peer], [this.#other(fault)], false)
      case 'cut both ways':
        return this.#cut(fault, [peer], [this.#other(fault)], true)
      case 'partition':
        return this.#part(fault)
      case 'flapping':
        return this.#flap(fault, random.between(3, 8))
      case 'clock jump':
        peer.clock.jump(random.between(-farthestJump, farthestJump))
        return true
      case 'clock drift':
        peer.clock.drift(0.95 + random.float() / 10)
        return true
      case 'full disk':
        return this.#fillDisk(fault)
      case 'IPFS forgets':
        return this.#forget(peer, () => random.chance(0.5))
      case 'unpin out of band': {
        const [one] = random.shuffled([...peer.ipfs.pinned.keys()])
        return this.#forget(peer, (key) => key === one)
      }
      default:
        return this.#worsenIpfs(fault, badIpfs[kind])
    }
  }

  #kill({ peer, lasts }: Fault, powerLoss: boolean): boolean {
    if (!peer.kill(powerLoss)) return false
    this.#later(lasts, () => peer.start())
    return true
  }

  /** Between any two events, wherever the peer then is in its work. */
  #killAfter(fault: Fault, events: number): boolean {
    const at = this.#init.time.events + events
    return this.#killWhen(fault, () => this.#init.time.events >= at)
  }

  #killWhen(fault: Fault, isMoment: () => boolean): boolean {
    const { peer, random } = fault
    if (peer.process === undefined) return false
    const off = this.#init.time.onEvent(() => {
      if (!this.#ended && !isMoment()) return
      off()
      if (!this.#ended) this.#kill(fault, random.chance(0.5))
    })
    return true
  }

  #pause({ peer, lasts }: Fault): boolean {
    if (peer.process === undefined || peer.isPaused) return false
    peer.pause()
    this.#later(lasts, () => peer.goOn())
    return true
  }

  /** The others must be able to go on without it; one of a cluster at most. */
  #lose({ peer }: Fault): boolean {
    const { peers, onLose } = this.#init
    if (peers.length < 4 || peers.some(({ isLost }) => isLost)) return false
    onLose(peer)
    peer.lose()
    return true
  }

  #loseAtLast(): void {
    const { plan, peers } = this.#init
    const random = SeededRandom.of(plan.seed, 'fault', 0)
    if (this.#lose({ random, peer: random.pick(peers), lasts: 0 })) this.#count(0, 'lost for good')
  }

  #worsenNetwork({ random, lasts }: Fault): boolean {
    const { network, trace } = this.#init
    const conditions = random.pick(badNetworks)
    network.conditions = conditions
    trace.note('faults', `network: ${JSON.stringify(conditions)}`)
    this.#later(lasts, () => {
      if (network.conditions === conditions) network.conditions = calmNetwork
    })
    return true
  }

  #other({ peer, random }: Fault): SimulatedPeer {
    return random.pick(this.#init.peers.filter((other) => other !== peer))
  }

  #part(fault: Fault): boolean {
    const { peers } = this.#init
    const inside = peers.filter((peer) => peer === fault.peer || fault.random.chance(0.4))
    const outside = peers.filter((peer) => !inside.includes(peer))
    return this.#cut(fault, inside, outside, true)
  }

  #cut({ lasts }: Fault, here: SimulatedPeer[], there: SimulatedPeer[], both: boolean): boolean {
    const { network, trace } = this.#init
    if (here.length === 0 || there.length === 0) return false
    trace.note('faults', `${namesOf(here)} ${both ? 'and' : 'to'} ${namesOf(there)} for ${lasts} ms`)
    const ends = here.flatMap((from) =>
      there.flatMap((to) => [network.cut(from.id, to.id), ...(both ? [network.cut(to.id, from.id)] : [])]),
    )
    this.#later(lasts, () => {
      for (const end of ends) end()
    })
    return true
  }

  /** Cut, back, and cut again. */
  #flap(fault: Fault, times: number): boolean {
    const there = this.#other(fault)
    const lasts = Math.ceil(fault.lasts / times)
    for (let time = 0; time < times; time++) {
      this.#later(2 * time * lasts, () => this.#cut({ ...fault, lasts }, [fault.peer], [there], true))
    }
    return true
  }

  #worsenIpfs({ peer, lasts }: Fault, conditions: IpfsConditions): boolean {
    const { ipfs } = peer
    ipfs.conditions = conditions
    this.#init.trace.note('faults', `IPFS of ${peer.name} for ${lasts} ms`)
    this.#later(lasts, () => {
      if (ipfs.conditions === conditions) ipfs.conditions = calmIpfs
    })
    return true
  }

  #forget({ name, ipfs }: SimulatedPeer, isChosen: (key: string) => boolean): boolean {
    const chosen = [...ipfs.pinned.values()].filter(
      ({ cid, foreign }) => !foreign && isChosen(cid.toString()),
    )
    for (const { cid } of chosen) {
      ipfs.forget(cid)
      this.#init.trace.note('faults', `IPFS of ${name} forgets ${cid}`)
    }
    return chosen.length > 0
  }

  #fillDisk({ peer, lasts }: Fault): boolean {
    this.#init.trace.note('faults', `disk of ${peer.name} is full for ${lasts} ms`)
    peer.setDiskFull(true)
    this.#later(lasts, () => peer.setDiskFull(false))
    return true
  }

  #later(ms: number, end: () => void): void {
    this.#init.time.after(ms, () => {
      if (!this.#ended) end()
    })
  }
}

function namesOf(peers: readonly SimulatedPeer[]): string {
  return peers.map(({ name }) => name).join(' ')
}
