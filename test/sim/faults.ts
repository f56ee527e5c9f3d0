/** What goes wrong: one fault after the other, drawn from the seed, each for a while. Counted by kind. */

import type { SeededRandom } from './seeded-random.ts'
import type { IpfsConditions } from './simulated-ipfs.ts'
import { calmIpfs } from './simulated-ipfs.ts'
import { calmNetwork, type NetworkConditions, type SimulatedNetwork } from './simulated-network.ts'
import type { SimulatedPeer } from './simulated-peer.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface FaultsInit {
  time: VirtualTime
  random: SeededRandom
  trace: Trace
  peers: readonly SimulatedPeer[]
  network: SimulatedNetwork
  /** Milliseconds between two faults, at most. */
  pause: number
}

const faultKinds = [
  'kill',
  'kill at a step',
  'kill in a write',
  'power loss',
  'bad network',
  'cut one way',
  'cut both ways',
  'bad IPFS',
  'full disk',
] as const

export type FaultKind = (typeof faultKinds)[number]

const badNetworks: readonly NetworkConditions[] = [
  { loss: 0.3, doubled: 0.2, delay: { from: 1, to: 50 } },
  { loss: 0.05, doubled: 0.05, delay: { from: 10, to: 2_000 } },
  { loss: 0.9, doubled: 0, delay: { from: 1, to: 10 } },
]

const badIpfs: readonly IpfsConditions[] = [
  { ...calmIpfs, state: 'down' },
  { ...calmIpfs, state: 'hanging' },
  { ...calmIpfs, failure: 0.3, lostAnswer: 0.3 },
  { ...calmIpfs, pace: { from: 100, to: 5_000 } },
]

export class Faults {
  readonly #init: FaultsInit
  readonly counts = new Map<FaultKind, number>(faultKinds.map((kind) => [kind, 0]))
  #ended = false

  constructor(init: FaultsInit) {
    this.#init = init
  }

  start(): void {
    void this.#act()
  }

  /** Everything is well from now on, and everybody up. */
  heal(): void {
    this.#ended = true
    const { network, peers, trace } = this.#init
    trace.note('faults', 'all end')
    network.conditions = calmNetwork
    for (const from of peers) for (const to of peers) network.setCut(from.name, to.name, false)
    for (const peer of peers) {
      peer.ipfs.conditions = calmIpfs
      peer.setDiskFull(false)
      peer.start()
    }
  }

  async #act(): Promise<void> {
    const { time, random, pause } = this.#init
    while (!this.#ended) {
      await time.sleep(random.between(pause / 10, pause))
      if (this.#ended) return
      const kind = random.pick(faultKinds)
      this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1)
      this.#inflict(kind)
    }
  }

  #inflict(kind: FaultKind): void {
    const { random, peers } = this.#init
    const peer = random.pick(peers)
    switch (kind) {
      case 'kill':
      case 'power loss':
        this.#kill(peer, kind === 'power loss')
        break
      case 'kill at a step':
        this.#killAfter(peer, random.between(1, 60))
        break
      case 'kill in a write':
        this.#killWhen(peer, () => peer.writes > 0 && random.chance(0.3))
        break
      case 'bad network':
        this.#worsenNetwork()
        break
      case 'cut one way':
        this.#cut(peer, random.pick(peers), false)
        break
      case 'cut both ways':
        this.#cut(peer, random.pick(peers), true)
        break
      case 'bad IPFS':
        this.#worsenIpfs(peer)
        break
      case 'full disk':
        this.#fillDisk(peer)
        break
    }
  }

  #kill(peer: SimulatedPeer, powerLoss: boolean): void {
    const { random } = this.#init
    peer.kill(powerLoss)
    this.#later(random.between(1, 1_500), () => peer.start())
  }

  /** Between any two events, wherever the peer then is in its work. */
  #killAfter(peer: SimulatedPeer, events: number): void {
    const at = this.#init.time.events + events
    this.#killWhen(peer, () => this.#init.time.events >= at)
  }

  #killWhen(peer: SimulatedPeer, isMoment: () => boolean): void {
    const { time, random } = this.#init
    const off = time.onEvent(() => {
      if (!this.#ended && !isMoment()) return
      off()
      if (!this.#ended) this.#kill(peer, random.chance(0.5))
    })
  }

  #worsenNetwork(): void {
    const { network, random, trace } = this.#init
    network.conditions = random.pick(badNetworks)
    trace.note('faults', `network: ${JSON.stringify(network.conditions)}`)
    this.#later(random.between(100, 4_000), () => {
      network.conditions = calmNetwork
    })
  }

  #cut(from: SimulatedPeer, to: SimulatedPeer, both: boolean): void {
    const { network, random, trace } = this.#init
    trace.note('faults', `cut from ${from.name} ${both ? 'and' : 'to'} ${to.name}`)
    network.setCut(from.name, to.name, true)
    if (both) network.setCut(to.name, from.name, true)
    this.#later(random.between(100, 6_000), () => {
      network.setCut(from.name, to.name, false)
      if (both) network.setCut(to.name, from.name, false)
    })
  }

  #worsenIpfs(peer: SimulatedPeer): void {
    const { random, trace } = this.#init
    peer.ipfs.conditions = random.pick(badIpfs)
    trace.note('faults', `IPFS of ${peer.name}: ${JSON.stringify(peer.ipfs.conditions)}`)
    this.#later(random.between(100, 6_000), () => {
      peer.ipfs.conditions = calmIpfs
    })
  }

  #fillDisk(peer: SimulatedPeer): void {
    const { random, trace } = this.#init
    trace.note('faults', `disk of ${peer.name} is full`)
    peer.setDiskFull(true)
    this.#later(random.between(100, 3_000), () => peer.setDiskFull(false))
  }

  #later(ms: number, end: () => void): void {
    this.#init.time.after(ms, () => {
      if (!this.#ended) end()
    })
  }
}
