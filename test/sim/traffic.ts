/** What clients do: each asks one peer after the other for something, and waits for the answer before it goes on. */
import type { CID } from 'multiformats/cid'
import type { Pinning } from '../../core/peer/pinning.ts'
import { defaultPinOptions } from '../../core/pin/options.ts'
import type { Pin, PinOptions } from '../../core/pin/pin.ts'
import type { PinsetChange, Written } from '../../core/runtime/store.ts'
import { short } from './content.ts'
import type { Asked, Model, Operation } from './model.ts'
import { drawOperation, expiryOf, type OperationKind } from './operations.ts'
import type { Plan } from './plan.ts'
import { SeededRandom } from './seeded-random.ts'
import type { SimulatedIpfs } from './simulated-ipfs.ts'
import type { SimulatedPeer } from './simulated-peer.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface TrafficInit {
  plan: Plan
  /** Numbers of operations that are left out. */
  skipped: ReadonlySet<number>
  /** CIDs that clients choose from. */
  contents: readonly CID[]
  time: VirtualTime
  model: Model
  trace: Trace
  peers: readonly SimulatedPeer[]
  newIpfs(peer: SimulatedPeer): SimulatedIpfs
  /** A client was told that a CID is pinned on this peer. */
  onToldPinned(peer: SimulatedPeer, cid: CID): void
  /** A pin was left as it is, since it says what is asked already. */
  onUnchanged(peer: SimulatedPeer, cid: CID, name: string): void
  /** Told of what must never happen. */
  fail(error: unknown): void
}

/** One client's request of one peer. */
interface Request {
  client: string
  index: number
  peer: SimulatedPeer
}

export class Traffic {
  readonly counts = new Map<string, number>()
  readonly #init: TrafficInit
  #running = 0
  #next = 1

  constructor(init: TrafficInit) {
    this.#init = init
  }

  start(): void {
    for (let client = 1; client <= this.#init.plan.clients; client++) {
      this.#running++
      this.#act(`client${client}`).then(() => this.#running--, this.#init.fail)
    }
  }

  get done(): boolean {
    return this.#running === 0
  }

  async #act(client: string): Promise<void> {
    const { plan, skipped, time, peers, contents, fail } = this.#init
    while (this.#next <= plan.operations) {
      const index = this.#next++
      const random = SeededRandom.of(plan.seed, 'operation', index)
      await time.sleep(random.between(0, plan.pause))
      const operation = drawOperation(random, index, contents, plan.peers)
      const chosen = random.pick(peers)
      if (skipped.has(index)) continue
      const peer = await this.#up(chosen)
      this.counts.set(operation.kind, (this.counts.get(operation.kind) ?? 0) + 1)
      try {
        await this.#do({ client, index, peer }, operation)
      } catch (error) {
        fail(error)
      }
    }
  }

  /** The peer that was chosen, or any that is up, as soon as one is. */
  async #up(chosen: SimulatedPeer): Promise<SimulatedPeer> {
    const { time, plan, peers } = this.#init
    for (;;) {
      const peer = [chosen, ...peers].find(({ process }) => process !== undefined)
      if (peer !== undefined) return peer
      await time.sleep(plan.pause)
    }
  }

  async #do(request: Request, operation: OperationKind): Promise<void> {
    const { peer } = request
    switch (operation.kind) {
      case 'pin':
      case 'pin again':
      case 'update':
        await this.#pin(request, operation)
        break
      case 'unpin':
        await this.#unpin(request, operation.cid)
        break
      case 'status':
        await this.#status(peer, operation.cid)
        break
      case 'list':
        await peer.ask(async ({ reports }) => [...reports.statusAll(0)].length)
        break
      case 'recover':
        await peer.ask(({ reports }) => reports.recover(operation.cid))
        break
      case 'recover all':
        await peer.ask(async ({ reports }) => (await Array.fromAsync(reports.recoverAll())).length)
        break
      case 'remove a lost peer':
        await this.#remove(peer)
        break
      default:
        this.#operate(peer, operation)
    }
  }

  async #pin(
    request: Request,
    operation: Extract<OperationKind, { kind: 'pin' | 'pin again' | 'update' }>,
  ): Promise<void> {
    const { cid } = operation
    const options = this.#optionsOf(request.peer, operation)
    if (options === undefined) return
    const asked: Asked = {
      kind: 'pin',
      cid,
      name: options.name,
      isAgain: operation.kind === 'pin again',
      // An update copies the expiry of its source, as that is by then.
      mayExpire: operation.kind === 'update' || options.expireAt !== undefined,
    }
    await this.#change(request, asked, (pinning) => pinning.pin(cid, options))
  }

  /** Undefined when there is no pin to ask for again. */
  #optionsOf(
    peer: SimulatedPeer,
    operation: Extract<OperationKind, { kind: 'pin' | 'pin again' | 'update' }>,
  ): PinOptions | undefined {
    if (operation.kind === 'pin again') return peer.store?.pin(operation.cid)
    if (operation.kind === 'update') {
      return { ...defaultPinOptions(), name: operation.name, pinUpdate: operation.from }
    }
    const { mode, min, max, preferred, name, expiresIn } = operation.pin
    return {
      ...defaultPinOptions(),
      name,
      mode,
      replicationFactorMin: min,
      replicationFactorMax: max,
      userAllocations: preferred.flatMap((index) => this.#init.peers[index]?.id ?? []),
      ...expiry(expiryOf(peer.clock.now(), expiresIn)),
    }
  }

  async #unpin(request: Request, cid: CID): Promise<void> {
    await this.#change(request, { kind: 'unpin', cid }, (pinning) => pinning.unpin(cid))
  }

  async #change(
    { client, index, peer }: Request,
    asked: Asked,
    change: (pinning: Pinning) => Promise<Pin>,
  ): Promise<void> {
    const { model, trace } = this.#init
    const operation = model.begin(index, peer.name, asked)
    const what =
      asked.kind === 'pin' ? `pin ${short(asked.cid)} as "${asked.name}"` : `unpin ${short(asked.cid)}`
    trace.note(client, `asks ${peer.name} for #${index}: ${what}`)
    let written: Written | undefined
    const answer = await peer.ask(async ({ store, pinning }) => {
      const write = async (changes: PinsetChange[]) => (written = await store.write(changes))
      return change(
        pinning({
          pin: (cid) => store.pin(cid),
          storedPin: (cid) => store.storedPin(cid),
          mayBeWithdrawn: (cid) => store.mayBeWithdrawn(cid),
          write,
        }),
      )
    })
    this.#answered(client, peer, operation, answer, written)
  }

  #answered(
    client: string,
    peer: SimulatedPeer,
    operation: Operation,
    answer: Pin | Error | undefined,
    written: Written | undefined,
  ): void {
    const { model, trace, onUnchanged } = this.#init
    const { index, asked } = operation
    if (operation.outcome === 'lost') return
    if (answer === undefined) throw new Error(`${peer.name} did not answer and was not killed`)
    if (answer instanceof Error) {
      model.refuse(operation)
      trace.note(client, `is refused #${index}: ${answer.message}`)
    } else if (written === undefined) {
      model.leave(operation)
      trace.note(client, `is told that #${index} changes nothing`)
      if (asked.kind === 'pin') onUnchanged(peer, asked.cid, asked.name)
    } else {
      model.acknowledge(operation, written.cid)
      trace.note(client, `is told that #${index} is stored`)
    }
  }

  async #status(peer: SimulatedPeer, cid: CID): Promise<void> {
    const answer = await peer.ask(({ reports }) => reports.status(cid))
    if (answer === undefined || answer instanceof Error) return
    if (answer.peerMap.get(peer.id)?.status === 'pinned') this.#init.onToldPinned(peer, cid)
  }

  async #remove(peer: SimulatedPeer): Promise<void> {
    const lost = this.#init.peers.find(({ isLost }) => isLost)
    if (lost === undefined || peer.config.isFollower) return
    this.#init.trace.note('operator', `${peer.name}: removes ${lost.name}`)
    peer.removed.add(lost.id)
    const { signal } = new AbortController()
    await peer.ask(async ({ upkeep }) => {
      upkeep.removed()
      return upkeep.handOver(lost.id, { signal, hurry: true })
    })
  }

  #operate(peer: SimulatedPeer, operation: OperationKind): void {
    const { trace, newIpfs } = this.#init
    trace.note('operator', `${peer.name}: ${operation.kind}`)
    peer.kill(false)
    if (operation.kind === 'reconfigure') {
      const { concurrency, min, max } = operation
      peer.config = { ...peer.config, concurrency, defaults: { min, max } }
    }
    if (operation.kind === 'use another IPFS node') peer.ipfs = newIpfs(peer)
    peer.start()
  }
}

function expiry(expireAt: bigint | undefined): { expireAt?: bigint } {
  return expireAt === undefined ? {} : { expireAt }
}
