/**
 * Becomes a member quickly: peers that are told of are called, those that are connected at the start count as alive before
 * their first ping, and a new connection hears of this peer at once instead of at its next ping (`spec/wire.md` §1.8).
 */
import type { MetricWindow } from '../monitor/metric-window.ts'
import { rpc } from '../network/rpc/methods.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { Logger, Runtime, Timer } from '../runtime/ports.ts'
import type { PeerCalls } from './peer-calls.ts'

/** Milliseconds that a peer may take to answer that it knows this one now; it calls back meanwhile. */
const joinTimeout = 15_000
/** Milliseconds from a new connection to the pings and metrics for it; the channels open meanwhile. */
const announceDelay = 1_000

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

  constructor(init: JoiningInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('cluster')
    this.#expected = new Set(init.known)
  }

  /** Told of each peer that becomes connected. */
  connected(peer: PeerIdText): void {
    if (this.#expected.delete(peer)) this.#countAlive(peer)
    if (this.#timer !== undefined || this.#closing.signal.aborted) return
    this.#timer = this.#init.runtime.scheduler.after(announceDelay, () => {
      this.#timer = undefined
      this.#init.announce()
    })
  }

  /** Joins through each of `peers`, in the background; a failure is logged, and known peers are connected to all the same. */
  join(peers: readonly PeerIdText[]): void {
    for (const peer of peers) {
      if (peer === this.#init.self) continue
      const run = this.#join(peer).finally(() => this.#running.delete(run))
      this.#running.add(run)
    }
  }

  async #join(peer: PeerIdText): Promise<void> {
    const { self, calls } = this.#init
    const limits = { timeout: joinTimeout, signal: this.#closing.signal }
    try {
      await calls.call(peer, rpc.peerAdd, self, limits)
      this.#countAlive(peer)
      this.#logger.info('joined the cluster', { through: peer })
    } catch (error) {
      if (this.#closing.signal.aborted) return
      this.#logger.warn('could not join through this peer; it is tried to connect to again and again', {
        peer,
        error: error instanceof Error ? error.message : String(error),
      })
    }
  }

  /** Until its first ping, or for as long as a ping holds. */
  #countAlive(peer: PeerIdText): void {
    const { window, pingInterval, runtime } = this.#init
    if (window.holds('ping', peer)) return
    const now = BigInt(runtime.clock.now()) * 1_000_000n
    window.add({
      name: 'ping',
      peer,
      value: '',
      expire: now + BigInt(pingInterval * 2) * 1_000_000n,
      valid: true,
      weight: 0,
      partitionable: false,
      receivedAt: now,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the peer is stopping'))
    this.#timer?.cancel()
    await Promise.all(this.#running)
  }
}
