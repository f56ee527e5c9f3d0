/**
 * One peer: a machine with a disk, a clock and an IPFS node that last, and between them a process that is killed and
 * started again.
 */
import { base58btc } from 'multiformats/bases/base58'
import type { CID } from 'multiformats/cid'
import type { PeerIdText } from '../../core/pin/pin.ts'
import { isMerged } from '../../core/store/block-merger.ts'
import { StoreFullError } from '../../core/store/errors.ts'
import { Incarnation } from './incarnation.ts'
import type { MemoryTables } from './memory-tables.ts'
import { PeerClock } from './peer-clock.ts'
import { type PeerConfig, type PeerProcess, type PeerProcessInit, startProcess } from './peer-process.ts'
import { RecordLog } from './record-log.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import type { SimulatedIpfs } from './simulated-ipfs.ts'
import { type SimulatedStore, tablesOf } from './simulated-store.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface SimulatedPeerInit
  extends Pick<
    PeerProcessInit,
    'name' | 'others' | 'trusted' | 'network' | 'random' | 'fail' | 'onReallocate'
  > {
  config: PeerConfig
  ipfs: SimulatedIpfs
  time: VirtualTime
  trace: Trace
  /** A process is up. */
  onStart(peer: SimulatedPeer, process: PeerProcess): void
  /** The process is gone. */
  onKill(name: string): void
}

/** Milliseconds that a sync takes at most, on a good disk and on worse ones. */
const syncTimes = [5, 5, 50, 300]

/** Milliseconds after which a process that could not start is started again. */
const restartPause = 500

interface Life {
  incarnation: Incarnation
  /** Undefined until it is up. */
  process: PeerProcess | undefined
  /** When it heard who its IPFS node is, and could do something about it since. */
  heardIpfs: { identity: string; at: number } | undefined
}

export class SimulatedPeer {
  readonly name: string
  readonly id: PeerIdText
  readonly disk: SimulatedDisk
  readonly clock: PeerClock
  /** Peers that its operator took out of the cluster. */
  readonly removed = new Set<PeerIdText>()
  config: PeerConfig
  ipfs: SimulatedIpfs
  readonly #init: SimulatedPeerInit
  #life: Life | undefined
  /** What was on its disk when it was lost; undefined until then. */
  #lost: MemoryTables | undefined
  #requests = 0

  constructor(init: SimulatedPeerInit) {
    this.#init = init
    this.name = init.name
    this.id = peerIdOf(init.name)
    this.ipfs = init.ipfs
    this.config = init.config
    this.clock = new PeerClock(init.time)
    this.disk = new SimulatedDisk({
      random: init.random.fork(),
      slowestSync: init.random.pick(syncTimes),
    })
  }

  /** What runs now; undefined while nothing does, or it is not up yet. */
  get process(): PeerProcess | undefined {
    return this.#life?.process
  }

  get store(): SimulatedStore | undefined {
    return this.process?.store
  }

  /** Requests that clients wait for. */
  get requests(): number {
    return this.#requests
  }

  /** It never comes back. */
  get isLost(): boolean {
    return this.#lost !== undefined
  }

  /** Whether it is lost and had this block. */
  tookAway(block: CID): boolean {
    return this.#lost !== undefined && isMerged(this.#lost, block)
  }

  /** Milliseconds since it heard who its IPFS node is now, with a good disk all the time; undefined before. */
  get knowsIpfsFor(): number | undefined {
    const heard = this.#life?.heardIpfs
    return heard?.identity === this.ipfs.identity ? this.#init.time.monotonic() - heard.at : undefined
  }

  get isPaused(): boolean {
    return this.#life?.incarnation.paused ?? false
  }

  start(): void {
    if (this.#life !== undefined || this.isLost) return
    const life: Life = {
      incarnation: new Incarnation(this.#init.time),
      process: undefined,
      heardIpfs: undefined,
    }
    this.#life = life
    this.#init.trace.note(this.name, 'starts')
    this.#boot(life).catch((error) => {
      if (!(error instanceof StoreFullError)) this.#init.fail(error)
      else this.#startLater(life)
    })
  }

  /** Nothing more fits on the disk while `full`. */
  setDiskFull(full: boolean): void {
    if (this.#life !== undefined) this.#life.heardIpfs = undefined
    this.disk.capacity = full ? this.disk.read().length : Number.POSITIVE_INFINITY
  }

  /** The process has ended because the disk is full. */
  #startLater({ incarnation }: Life): void {
    const { time, trace } = this.#init
    if (!incarnation.alive) return
    trace.note(this.name, 'cannot start: its disk is full')
    incarnation.kill()
    this.#life = undefined
    time.after(restartPause, () => this.start())
  }

  /** Ends the process between two events; with the power, what was not synced may go too. False when none runs. */
  kill(powerLoss: boolean): boolean {
    if (this.#life === undefined) return false
    this.#init.trace.note(this.name, powerLoss ? 'loses power' : 'is killed')
    this.#init.network.leave(this.id)
    this.#life.incarnation.kill()
    this.#life = undefined
    if (powerLoss) this.disk.crash()
    this.#init.onKill(this.name)
    return true
  }

  /** The machine burns down, and the disk with it. */
  lose(): void {
    this.kill(false)
    this.#lost = tablesOf(new RecordLog(this.disk))
    this.#init.trace.note(this.name, 'is lost for good')
  }

  /** The process stands still, as a machine that sleeps does. */
  pause(): void {
    if (this.#life === undefined) return
    this.#init.trace.note(this.name, 'is paused')
    this.#life.incarnation.pause()
  }

  goOn(): void {
    if (!this.isPaused) return
    this.#init.trace.note(this.name, 'goes on')
    if (this.#life !== undefined) this.#life.heardIpfs = undefined
    this.#life?.incarnation.goOn()
  }

  /** Asks the process something, as a client: undefined when it died before it answered. */
  ask<Value>(question: (process: PeerProcess) => Promise<Value>): Promise<Value | Error | undefined> {
    const { incarnation, process } = this.#life ?? {}
    if (incarnation === undefined || process === undefined) throw new Error(`${this.name} is not up`)
    const { promise, resolve } = Promise.withResolvers<Value | Error | undefined>()
    this.#requests++
    const die = () => resolve(undefined)
    incarnation.death.addEventListener('abort', die, { once: true })
    incarnation.enter(() => question(process).then(resolve, resolve))
    return promise.finally(() => {
      this.#requests--
      incarnation.death.removeEventListener('abort', die)
    })
  }

  async #boot(life: Life): Promise<void> {
    const { incarnation } = life
    const { random, onStart, time, trace } = this.#init
    life.process = await startProcess({
      ...this.#init,
      self: this.id,
      config: this.config,
      removed: this.removed,
      ipfs: this.ipfs,
      disk: this.disk,
      clock: this.clock,
      incarnation,
      random: random.fork(),
      onIpfsHeard: () => {
        life.heardIpfs = { identity: this.ipfs.identity, at: time.monotonic() }
      },
    })
    trace.note(this.name, `is up with ${life.process.store.heads().length} heads`)
    onStart(this, life.process)
  }
}

/** The ID of a peer whose public key is its name. */
export function peerIdOf(name: string): PeerIdText {
  const key = new Uint8Array(32)
  key.set(new TextEncoder().encode(name))
  return base58btc.baseEncode(Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20, ...key))
}
