/**
 * Becomes a member quickly: peers that are told of are called, those that are connected at the start count as alive before
 * their first ping, and whoever begins to listen hears of this peer at once instead of at its next ping (`spec/wire.md` §1.8).
 */
import { messageOf } from '../error-text.ts'
import type { MetricWindow } from '../monitor/metric-window.ts'
import { rpc } from '../network/rpc/methods.ts'
import type { PeerIdText } from '../pin/pin.ts'
import { pause } from '../runtime/pause.ts'
import type { Logger, Runtime, Timer } from '../runtime/ports.ts'
import type { PeerCalls } from './peer-calls.ts'

/** Milliseconds that a peer may take to answer that it knows this one now; it calls back meanwhile. */
const joinTimeout = 15_000
/** Milliseconds from the first answer of a peer to that call: one of the original that has just started would fall over it. */
const settleTime = 1_000
/** Milliseconds to the next try of a join that failed, ±50 %; twice as long each time, up to the longest. */
const retryDelay = 1_000
const longestRetryDelay = 60_000
/** Milliseconds from a new listener to the pings and metrics for it and those that come with it, and between two such rounds. */
const announceDelay = 100
const announceInterval = 1_000

export interface JoiningInit {
  self: PeerIdText
  window: MetricWindow
  calls: PeerCalls
  /** Peers that this one knew when it started. */
  known: readonly PeerIdText[]
  /** Milliseconds between two pings. */
  pingInterval: number
  /** Begins to tell all metrics of this peer anew. */
  announce: () => void
  runtime: Runtime
}

export class Joining implements AsyncDisposable {
  readonly #init: JoiningInit
  readonly #logger: Logger
  readonly #closing = new AbortController()
  readonly #running = new Set<Promise<void>>()
  /** Known peers that were not connected yet. */
  readonly #expected: Set<PeerIdText>
  #timer: Timer | undefined
  #announcedAt = Number.NEGATIVE_INFINITY

  constructor(init: JoiningInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('cluster')
    this.#expected = new Set(init.known)
  }

  /** Told of each peer that becomes connected. */
  connected(peer: PeerIdText): void {
    if (this.#expected.delete(peer)) this.countAlive(peer)
  }

  /** Told when another peer begins to listen to the metrics of this one. */
  heardBy(): void {
    const { runtime, announce } = this.#init
    if (this.#timer !== undefined || this.#closing.signal.aborted) return
    const pause = this.#announcedAt + announceInterval - runtime.clock.monotonic()
    this.#timer = runtime.scheduler.after(Math.max(announceDelay, pause), () => {
      this.#timer = undefined
      this.#announcedAt = runtime.clock.monotonic()
      announce()
    })
  }

  /** Counts a peer that has answered among the members until its first ping, or for as long as a ping holds. */
  countAlive(peer: PeerIdText): void {
    const { window, pingInterval, runtime } = this.#init
    if (window.holds('ping', peer)) return
    const now = BigInt(runtime.clock.now()) * 1_000_000n
    window.add({
      name: 'ping',
      peer,
      // With the names that it had, if it was known before.
      value: window.latest('ping', peer)?.value ?? '',
      expire: now + BigInt(pingInterval * 2) * 1_000_000n,
      valid: true,
      weight: 0,
      partitionable: false,
      receivedAt: now,
    })
  }

  /** Joins through each of `peers`, in the background, trying again until it is done; each cause of a failure is logged once. */
  join(peers: readonly PeerIdText[]): void {
    for (const peer of peers) {
      if (peer === this.#init.self) continue
      const run = this.#join(peer).finally(() => this.#running.delete(run))
      this.#running.add(run)
    }
  }

  async #join(peer: PeerIdText): Promise<void> {
    let told = ''
    const { signal } = this.#closing
    for (let delay = retryDelay; !signal.aborted; delay = Math.min(2 * delay, longestRetryDelay)) {
      const failure = await this.#tryToJoin(peer)
      if (failure === undefined || signal.aborted) return
      if (failure !== told)
        this.#logger.warn('could not join through this peer; it is tried again and again', {
          peer,
          error: failure,
        })
      told = failure
      await pause(
        this.#init.runtime.scheduler,
        Math.round(delay * (0.5 + this.#init.runtime.random.float())),
        this.#closing.signal,
      )
    }
  }

  /** Returns why not, or undefined. */
  async #tryToJoin(peer: PeerIdText): Promise<string | undefined> {
    const { self, calls } = this.#init
    const limits = { timeout: joinTimeout, signal: this.#closing.signal }
    try {
      await calls.call(peer, rpc.version, {}, limits)
      await pause(this.#init.runtime.scheduler, settleTime, this.#closing.signal)
      await calls.call(peer, rpc.peerAdd, self, limits)
    } catch (error) {
      return messageOf(error)
    }
    this.countAlive(peer)
    this.#logger.info('joined the cluster', { through: peer })
    return undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the peer is stopping'))
    this.#timer?.cancel()
    await Promise.all(this.#running)
  }
}
