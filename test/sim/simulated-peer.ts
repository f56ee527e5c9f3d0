/**
 * One peer: a disk and an IPFS node that last, and between them a process that is killed and started again. The process is
 * made of the real store logic, the real walk and the real tracker; only what it stands on is simulated. All that can move
 * it from outside goes through its `Incarnation`: timers, messages, answers of IPFS.
 */
import { base58btc } from 'multiformats/bases/base58'
import { Replication } from '../../core/network/replication.ts'
import type { PeerIdText } from '../../core/pin/pin.ts'
import type { IpfsPinProgress } from '../../core/runtime/ipfs.ts'
import type { Logger } from '../../core/runtime/ports.ts'
import type { PinsetChange, Store, Written } from '../../core/runtime/store.ts'
import { StoreFullError } from '../../core/store/errors.ts'
import { createTracker, type TrackerIpfs } from '../../core/tracker/driver.ts'
import type { TrackerSettings } from '../../core/tracker/settings.ts'
import type { Defect } from './defects.ts'
import { Exchange } from './exchange.ts'
import { Incarnation } from './incarnation.ts'
import type { SeededRandom } from './seeded-random.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import type { SimulatedIpfs } from './simulated-ipfs.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import { openSimulatedStore } from './simulated-store.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface SimulatedPeerInit {
  name: string
  others: readonly string[]
  time: VirtualTime
  random: SeededRandom
  trace: Trace
  network: SimulatedNetwork
  ipfs: SimulatedIpfs
  settings: TrackerSettings
  defect: Defect
  /** The process is gone. */
  onKill(name: string): void
  /** Told of what must never happen. */
  fail(error: unknown): void
}

/** Milliseconds that a sync takes at most, on a good disk and on worse ones. */
const syncTimes = [5, 5, 50, 300]

/** Milliseconds between announcements of heads that have not changed. */
const rebroadcastInterval = 5_000

/** Milliseconds after which a process that could not start is started again. */
const restartPause = 500

interface Life {
  incarnation: Incarnation
  /** Undefined until it is open. */
  store: Store | undefined
}

export class SimulatedPeer {
  readonly name: string
  readonly id: PeerIdText
  readonly ipfs: SimulatedIpfs
  readonly #init: SimulatedPeerInit
  readonly #disk: SimulatedDisk
  #life: Life | undefined
  #writes = 0

  constructor(init: SimulatedPeerInit) {
    this.#init = init
    this.name = init.name
    this.id = peerIdOf(init.name)
    this.ipfs = init.ipfs
    const makeDisk = init.defect.makeDisk ?? ((disk) => new SimulatedDisk(disk))
    this.#disk = makeDisk({ random: init.random.fork(), slowestSync: init.random.pick(syncTimes) })
  }

  /** The store of the running process; undefined while none runs or it is not open yet. */
  get store(): Store | undefined {
    return this.#life?.store
  }

  /** Writes that clients wait for. */
  get writes(): number {
    return this.#writes
  }

  start(): void {
    if (this.#life !== undefined) return
    const life: Life = { incarnation: new Incarnation(), store: undefined }
    this.#life = life
    this.#init.trace.note(this.name, 'starts')
    this.#boot(life).catch((error) => {
      if (!(error instanceof StoreFullError)) this.#init.fail(error)
      else this.#startLater(life)
    })
  }

  /** Nothing more fits on the disk while `full`. */
  setDiskFull(full: boolean): void {
    this.#disk.capacity = full ? this.#disk.read().length : Number.POSITIVE_INFINITY
  }

  /** The process has ended because the disk is full. */
  #startLater({ incarnation }: Life): void {
    const { time, trace, name } = this.#init
    if (!incarnation.alive) return
    trace.note(name, 'cannot start: its disk is full')
    incarnation.kill()
    this.#life = undefined
    time.after(restartPause, () => this.start())
  }

  /** Ends the process between two events; with the power, what was not synced may go too. */
  kill(powerLoss: boolean): void {
    if (this.#life === undefined) return
    this.#init.trace.note(this.name, powerLoss ? 'loses power' : 'is killed')
    this.#init.network.listen(this.name, undefined)
    this.#life.incarnation.kill()
    this.#life = undefined
    if (powerLoss) this.#disk.crash()
    this.#init.onKill(this.name)
  }

  /** As a client of the process: undefined when it died before it answered. */
  write(changes: PinsetChange[]): Promise<Written | Error | undefined> {
    const { incarnation, store } = this.#life ?? {}
    if (incarnation === undefined || store === undefined) throw new Error(`${this.name} is not up`)
    const { promise, resolve } = Promise.withResolvers<Written | Error | undefined>()
    this.#writes++
    const die = () => resolve(undefined)
    incarnation.death.addEventListener('abort', die, { once: true })
    store.write(changes).then(resolve, resolve)
    return promise.finally(() => {
      this.#writes--
      incarnation.death.removeEventListener('abort', die)
    })
  }

  async #boot(life: Life): Promise<void> {
    const { time, random, network, settings, others, trace, defect, fail } = this.#init
    const { incarnation } = life
    const scheduler = incarnation.scheduler(time)
    const runtime = { clock: time, scheduler, random: random.fork(), logger: quiet }
    const opened = await openSimulatedStore({
      disk: this.#disk,
      self: this.id,
      runtime,
      ...(defect.rule === undefined ? {} : { rule: defect.rule }),
    })
    const store = defect.changeStore?.(opened) ?? opened
    life.store = defect.changeShownStore?.(store) ?? store
    const exchangeStore = defect.changeExchangeStore?.(store) ?? store
    const exchange = new Exchange({
      name: this.name,
      others,
      store: exchangeStore,
      network,
      scheduler,
      random: random.fork(),
    })
    const replication = new Replication({
      store: exchangeStore,
      channel: exchange,
      blocks: exchange,
      parked: exchange,
      rebroadcastInterval,
      runtime: { ...runtime, logger: complaining(fail) },
    })
    replication.start()
    const ipfs = overheard(this.ipfs, incarnation)
    createTracker({
      store: defect.changeTrackerStore?.(store) ?? store,
      ipfs: defect.changeIpfs?.(ipfs) ?? ipfs,
      runtime,
      settings,
    }).start()
    trace.note(this.name, `is up with ${store.heads().length} heads`)
  }
}

/** An IPFS node as one life of the process hears it; its calls are cut off when the process dies. */
function overheard(ipfs: SimulatedIpfs, incarnation: Incarnation): TrackerIpfs {
  const cutOff = <Options extends { signal?: AbortSignal }>(options: Options) => ({
    ...options,
    signal: incarnation.untilDeath(options.signal),
  })
  return {
    id: (options = {}) => incarnation.hear(ipfs.id(cutOff(options))),
    pinState: (cid, options = {}) => incarnation.hear(ipfs.pinState(cid, cutOff(options))),
    unpin: (cid, options = {}) => incarnation.hear(ipfs.unpin(cid, cutOff(options))),
    pin: (cid, options) =>
      incarnation.hear(
        ipfs.pin(cid, {
          ...cutOff(options),
          onProgress: incarnation.heard((progress: IpfsPinProgress) => options.onProgress?.(progress)),
        }),
      ),
  }
}

/** Blocks of good peers are never refused, nor are their announcements. */
function complaining(fail: (error: unknown) => void): Logger {
  const logger: Logger = {
    ...quiet,
    warn: (message, fields) => {
      if (message.includes('refused')) fail(new Error(`${message}: ${fields?.reason ?? fields?.error}`))
    },
    component: () => logger,
  }
  return logger
}

const quiet: Logger = { debug() {}, info() {}, warn() {}, error() {}, component: () => quiet }

/** The ID of a peer whose public key is its name. */
export function peerIdOf(name: string): PeerIdText {
  const key = new Uint8Array(32)
  key.set(new TextEncoder().encode(name))
  return base58btc.baseEncode(Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20, ...key))
}
