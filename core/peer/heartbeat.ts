/**
 * Reads the informers at their pace and hands the metrics on: to this peer's own window, and to whoever publishes them.
 */
import { messageOf } from '../error-text.ts'
import {
  freeSpaceMetric,
  type Headroom,
  numPinMetric,
  pingMetric,
  pinQueueMetric,
  repoSizeMetric,
  tagMetrics,
} from '../monitor/informers.ts'
import type { Metric } from '../monitor/metric.ts'
import type { PeerIdText } from '../pin/pin.ts'
import { Deadline } from '../runtime/deadline.ts'
import type { Ipfs, IpfsRepoStat } from '../runtime/ipfs.ts'
import type { Logger, Runtime, Timer } from '../runtime/ports.ts'
import type { IpfsView } from './ipfs-watch.ts'

/** Of the failures of one metric, the first is logged, and then each that many. */
const failuresPerLine = 10

/** Milliseconds that reading the repo's size may take before the metric is left out. */
const repoStatTimeout = 10_000

export interface HeartbeatSettings {
  peerName: string
  /** Milliseconds between two pings; they hold for twice as long. */
  pingInterval: number
  disk: { ttl: number; type: 'freespace' | 'reposize'; headroom: Headroom } | undefined
  tags: { ttl: number; tags: Record<string, string> } | undefined
  pinQueue: { ttl: number; weightBucketSize: number } | undefined
  numPin: { ttl: number } | undefined
}

export interface HeartbeatInit {
  self: PeerIdText
  settings: HeartbeatSettings
  ipfs: Pick<Ipfs, 'repoStat'>
  ipfsView: () => IpfsView
  /** Pins that wait or run. */
  queueSize: () => number
  /** Pins that this peer holds. */
  pinned: () => number
  publish: (metric: Metric) => void
  /** Told of each look at the IPFS node, and whether it is nearly full. */
  onRepo?: (isNearlyFull: boolean, repo: IpfsRepoStat) => void
  runtime: Runtime
}

interface Informer {
  name: string
  /** Milliseconds that its metrics hold; a new one is made after half of it. */
  ttl: number
  read: () => Metric[] | Promise<Metric[]>
}

export class Heartbeat implements AsyncDisposable {
  readonly #init: HeartbeatInit
  readonly #logger: Logger
  readonly #closing = new AbortController()
  readonly #timers = new Map<string, Timer>()
  readonly #running = new Map<string, Promise<void>>()
  /** Failures one after the other, by informer. */
  readonly #failures = new Map<string, number>()

  constructor(init: HeartbeatInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('monitor')
  }

  /**
   * Makes each metric at once and then every half of its time to live; called again, at once again. Resolves when all are
   * told, which may take as long as the IPFS node takes.
   */
  async beat(): Promise<void> {
    await Promise.all(this.#informers().map((informer) => this.#beat(informer)))
  }

  /** One that is being made already is as good as a new one. */
  #beat(informer: Informer): Promise<void> {
    const { name } = informer
    const running = this.#running.get(name)
    if (running !== undefined || this.#closing.signal.aborted) return running ?? Promise.resolve()
    this.#timers.get(name)?.cancel()
    const run = this.#make(informer).finally(() => this.#running.delete(name))
    this.#running.set(name, run)
    return run
  }

  #informers(): Informer[] {
    const { self, settings, ipfsView, queueSize, pinned, runtime } = this.#init
    const report = (ttl: number) => ({
      peer: self,
      now: BigInt(runtime.clock.now()) * 1_000_000n,
      ttl: BigInt(ttl) * 1_000_000n,
    })
    const { peerName, pingInterval, disk, tags, pinQueue, numPin } = settings
    const pingTtl = pingInterval * 2
    const informers: Informer[] = [
      {
        name: 'ping',
        ttl: pingTtl,
        read: () => [pingMetric(report(pingTtl), peerName, ipfsView().identity)],
      },
    ]
    if (tags !== undefined) {
      informers.push({ name: 'tags', ttl: tags.ttl, read: () => tagMetrics(report(tags.ttl), tags.tags) })
    }
    if (pinQueue !== undefined) {
      const read = () => [pinQueueMetric(report(pinQueue.ttl), queueSize(), pinQueue.weightBucketSize)]
      informers.push({ name: 'pinqueue', ttl: pinQueue.ttl, read })
    }
    if (numPin !== undefined) {
      const read = () => [numPinMetric(report(numPin.ttl), pinned())]
      informers.push({ name: 'numpin', ttl: numPin.ttl, read })
    }
    if (disk !== undefined) {
      const make = disk.type === 'freespace' ? freeSpaceMetric : repoSizeMetric
      const read = async () => {
        const repo = await this.#readRepo()
        const metric = make(report(disk.ttl), repo, disk.headroom)
        this.#init.onRepo?.(!metric.valid, repo)
        return [metric]
      }
      informers.push({ name: disk.type, ttl: disk.ttl, read })
    }
    return informers
  }

  async #readRepo(): Promise<IpfsRepoStat> {
    const { ipfs, runtime } = this.#init
    using limit = new Deadline(runtime.scheduler, repoStatTimeout, { signal: this.#closing.signal })
    return await ipfs.repoStat({ signal: limit.signal })
  }

  async #make(informer: Informer): Promise<void> {
    let pause = informer.ttl / 2
    try {
      for (const metric of await informer.read()) this.#init.publish(metric)
      this.#failures.delete(informer.name)
    } catch (error) {
      pause = informer.ttl / 4
      this.#noteFailure(informer.name, error)
    }
    if (this.#closing.signal.aborted) return
    const timer = this.#init.runtime.scheduler.after(pause, () => void this.#beat(informer))
    this.#timers.set(informer.name, timer)
  }

  #noteFailure(name: string, error: unknown): void {
    if (this.#closing.signal.aborted) return
    const before = this.#failures.get(name) ?? 0
    this.#failures.set(name, before + 1)
    if (before % failuresPerLine !== 0) return
    const reason = messageOf(error)
    this.#logger.warn('a metric could not be read', { metric: name, times: before + 1, error: reason })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the peer is stopping'))
    for (const timer of this.#timers.values()) timer.cancel()
    await Promise.all(this.#running.values())
  }
}
