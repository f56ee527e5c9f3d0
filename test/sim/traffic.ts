/** What clients do: each asks one peer after the other for small changes, and waits for the answer before it goes on. */
import type { CID } from 'multiformats/cid'
import type { Pin } from '../../core/pin/pin.ts'
import type { UserChange } from '../../core/runtime/store.ts'
import { pinOf, short } from './content.ts'
import type { Model } from './model.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { SimulatedPeer } from './simulated-peer.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface TrafficSettings {
  clients: number
  /** Operations of each client. */
  operations: number
  /** Milliseconds between an answer and the next operation, at most. */
  pause: number
}

export interface TrafficInit {
  settings: TrafficSettings
  /** CIDs that clients choose from. */
  contents: readonly CID[]
  time: VirtualTime
  random: SeededRandom
  model: Model
  trace: Trace
  peers: readonly SimulatedPeer[]
  /** Told of what must never happen. */
  fail(error: unknown): void
}

export class Traffic {
  readonly #init: TrafficInit
  #running = 0

  constructor(init: TrafficInit) {
    this.#init = init
  }

  start(): void {
    for (let client = 1; client <= this.#init.settings.clients; client++) {
      this.#running++
      this.#act(`client${client}`, this.#init.random.fork()).then(() => this.#running--, this.#init.fail)
    }
  }

  get done(): boolean {
    return this.#running === 0
  }

  async #act(client: string, random: SeededRandom): Promise<void> {
    const { settings, time, peers } = this.#init
    for (let left = settings.operations; left > 0; left--) {
      await time.sleep(random.between(0, settings.pause))
      const up = peers.filter(({ store }) => store !== undefined)
      if (up.length > 0) await this.#change(client, random.pick(up), random)
    }
  }

  async #change(client: string, peer: SimulatedPeer, random: SeededRandom): Promise<void> {
    const { model, trace } = this.#init
    const changes = this.#draw(client, random)
    const operation = model.begin(peer.name, changes)
    trace.note(client, `asks ${peer.name} for #${operation.id}: ${changes.map(describe).join(', ')}`)
    const answer = await peer.write(changes)
    if (operation.outcome === 'lost') return
    if (answer === undefined) throw new Error(`${peer.name} did not answer and was not killed`)
    if (answer instanceof Error) {
      model.refuse(operation)
      trace.note(client, `is refused #${operation.id}: ${answer.message}`)
      return
    }
    model.acknowledge(operation, answer.cid)
    trace.note(client, `is told that #${operation.id} is stored`)
  }

  /** One to three changes of different CIDs. */
  #draw(client: string, random: SeededRandom): UserChange[] {
    const cids = new Set(
      Array.from({ length: random.pick([1, 1, 1, 2, 3]) }, () => random.pick(this.#init.contents)),
    )
    return [...cids].map((cid) =>
      random.chance(0.6) ? { kind: 'pin', pin: this.#drawPin(client, cid, random) } : { kind: 'unpin', cid },
    )
  }

  #drawPin(client: string, cid: CID, random: SeededRandom): Pin {
    const { peers, time } = this.#init
    const holders = peers.map(({ id }) => id).filter(() => random.chance(0.5))
    const allocated = holders.length > 0 && random.chance(0.5)
    return pinOf(cid, {
      name: `${client} ${random.between(1, 1_000_000)}`,
      timestamp: BigInt(Math.floor(time.now() / 1000)) * 1_000_000_000n,
      ...(random.chance(0.15) ? { mode: 'direct', maxDepth: 0 } : {}),
      ...(allocated
        ? { allocations: holders, replicationFactorMin: 1, replicationFactorMax: holders.length }
        : {}),
    })
  }
}

function describe(change: UserChange): string {
  if (change.kind === 'unpin') return `unpin ${short(change.cid)}`
  const { cid, mode, allocations } = change.pin
  return `pin ${short(cid)} ${mode} ${allocations.length === 0 ? 'everywhere' : `on ${allocations.join(' ')}`}`
}
