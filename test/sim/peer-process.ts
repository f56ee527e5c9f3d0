/**
 * What runs inside a peer's process: the parts of the real peer, put together as `core/peer.ts` does it, on a simulated
 * disk, network, clock and IPFS node. Nothing of it reaches the world but through its `Incarnation`.
 */
import { Attention } from '../../core/monitor/attention.ts'
import { MetricWindow } from '../../core/monitor/metric-window.ts'
import { Replication } from '../../core/network/replication.ts'
import { TrustedPeers } from '../../core/network/trusted-peers.ts'
import { Alerts } from '../../core/peer/alerts.ts'
import { Heartbeat } from '../../core/peer/heartbeat.ts'
import { Joining } from '../../core/peer/joining.ts'
import { Membership } from '../../core/peer/membership.ts'
import type { PeerCalls } from '../../core/peer/peer-calls.ts'
import { Pinning, type PinningInit } from '../../core/peer/pinning.ts'
import { Reports } from '../../core/peer/reports.ts'
import type { PeerIdText } from '../../core/pin/pin.ts'
import type { Logger, Runtime } from '../../core/runtime/ports.ts'
import type { PinsetChange } from '../../core/runtime/store.ts'
import { createTracker, type Tracker } from '../../core/tracker/driver.ts'
import { defaultPrioritySettings } from '../../core/tracker/priority.ts'
import { Reconciliation } from '../../core/tracker/reconciliation.ts'
import { defaultTrackerSettings } from '../../core/tracker/settings.ts'
import type { UpkeepSettings, UpkeepStore } from '../../core/upkeep/ports.ts'
import { Upkeep } from '../../core/upkeep/upkeep.ts'
import { Exchange } from './exchange.ts'
import type { Incarnation } from './incarnation.ts'
import { overheard } from './overheard-ipfs.ts'
import type { PeerClock } from './peer-clock.ts'
import type { SeededRandom } from './seeded-random.ts'
import { Silence } from './silence.ts'
import type { SimulatedDisk } from './simulated-disk.ts'
import type { SimulatedIpfs, UsedIpfs } from './simulated-ipfs.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import { openSimulatedStore, type SimulatedStore } from './simulated-store.ts'

/** What an operator may set; it holds from the next start on. */
export interface PeerConfig {
  /** Pins, and unpins, in flight. */
  concurrency: number
  /** Replication factors of requests that give none. */
  defaults: { min: number; max: number }
  /** Undefined: the peer has no tags. */
  region: string | undefined
  repinning: boolean
  isFollower: boolean
}

export interface PeerProcessInit {
  self: PeerIdText
  name: string
  /** The peers of the cluster but this. */
  others: readonly PeerIdText[]
  /** Whose changes are taken. */
  trusted: readonly PeerIdText[]
  /** Taken out of the cluster by an operator of this peer. */
  removed: ReadonlySet<PeerIdText>
  config: PeerConfig
  disk: SimulatedDisk
  ipfs: SimulatedIpfs
  network: SimulatedNetwork
  clock: PeerClock
  incarnation: Incarnation
  random: SeededRandom
  /** The IPFS node has said who it is. */
  onIpfsHeard(): void
  /** Told of what must never happen. */
  fail(error: unknown): void
  /** Told before background work of the peer gives a pin to other holders. */
  onReallocate(reallocation: ObservedReallocation): void
}

export interface ObservedReallocation {
  change: Extract<PinsetChange, { kind: 'reallocate' }>
  /** Milliseconds since this peer heard a ping of another, or began to listen. */
  silence(peer: PeerIdText): number
  removed: ReadonlySet<PeerIdText>
}

/** Milliseconds; those of a real peer, but for those that would only make a run longer. */
export const times = {
  rebroadcast: 20_000,
  ping: 15_000,
  informers: 30_000,
  alerts: 15_000,
  reconciliation: 120_000,
  stall: 10_000,
  grace: 60_000,
  takeover: 20_000,
  expiryTakeover: 5_000,
  check: 60_000,
} as const

/** Pins that a peer re-allocates in a second. */
const repinningRate = 20

export interface PeerProcess {
  readonly store: SimulatedStore
  readonly reports: Reports
  readonly membership: Membership
  readonly window: MetricWindow
  readonly replication: Replication
  readonly tracker: Tracker
  readonly upkeep: Upkeep
  readonly alerts: Alerts
  readonly exchange: Exchange
  /** A way for pins and unpins of one request; `store` stands before the real one. */
  pinning(store: PinningInit['store']): Pinning
}

/** Rejects with `StoreFullError` while the disk has no room. */
export async function startProcess(init: PeerProcessInit): Promise<PeerProcess> {
  const { self, name, others, trusted, removed, config, disk, network, clock, incarnation, random, fail } =
    init
  const { scheduler } = incarnation
  const runtime: Runtime = { clock, scheduler, random: random.fork(), logger: watched(fail) }
  const store = await openSimulatedStore({ disk, self, runtime })
  const ipfs = overheard(init.ipfs, incarnation)
  const asked: UsedIpfs = {
    ...ipfs,
    async id(options) {
      const identity = await ipfs.id(options)
      init.onIpfsHeard()
      return identity
    },
  }
  const ipfsView = () => ({ identity: { id: init.ipfs.identity, addresses: [] }, error: '' })

  const tracker = createTracker({ store, ipfs: asked, runtime, settings: trackerSettings(config) })
  const attention = new Attention({
    clock,
    scheduler,
    pingTtl: 2 * times.ping,
    onLapse: () => void heartbeat.beat(),
  })
  const window = new MetricWindow(attention)
  const allocateBy = [...(config.region === undefined ? [] : ['tag:region']), 'freespace']
  const trustedPeers = new TrustedPeers(self, trusted)
  const membership = new Membership({
    self,
    window,
    allocateBy,
    isTrusted: (peer) => trustedPeers.has(peer),
    pinOnlyOn: undefined,
    isRemoved: (peer) => removed.has(peer),
  })
  const reports = new Reports({ self, peerName: name, store, ipfs, tracker, ipfsView, clock, scheduler })
  const alerts = new Alerts({ window, interval: times.alerts, runtime })
  const silence = new Silence(scheduler)
  const exchange: Exchange = new Exchange({
    self,
    others,
    trusted: trustedPeers,
    store,
    network,
    incarnation,
    random: random.fork(),
    onMetric: (metric) => {
      window.add({ ...metric, receivedAt: BigInt(clock.now()) * 1_000_000n })
      if (metric.name === 'ping' && window.holds('ping', metric.peer)) silence.heard(metric.peer)
    },
    onMet: (peer) => {
      joining.connected(peer)
      joining.heardBy()
    },
  })
  const heartbeat = new Heartbeat({
    self,
    settings: heartbeatSettings(name, config),
    ipfs,
    ipfsView,
    queueSize: () => store.counts().local.pin_queued ?? 0,
    pinned: () => store.counts().local.pinned ?? 0,
    publish: (metric) => {
      if (!metric.valid) return
      window.add(metric)
      exchange.publishMetric(metric)
    },
    runtime,
  })
  const joining = new Joining({
    self,
    window,
    calls: noCalls,
    known: others,
    pingInterval: times.ping,
    announce: () => void heartbeat.beat(),
    runtime,
  })
  const replication = new Replication({
    store,
    channel: exchange,
    blocks: exchange,
    parked: exchange,
    rebroadcastInterval: times.rebroadcast,
    runtime,
  })
  const reconciliation = new Reconciliation({
    store,
    ipfs,
    isAway: () => tracker.outage !== undefined,
    runtime,
    settings: { interval: times.reconciliation, priority: defaultPrioritySettings },
  })

  const upkeep = new Upkeep({
    self,
    store: observed(store, (change) => {
      init.onReallocate({ change, silence: (peer) => silence.of(peer), removed })
    }),
    members: membership,
    partsOf: () => Promise.reject(new Error('the simulator has no sharded content')),
    settings: upkeepSettings(config),
    runtime,
  })

  ipfs.proof.watch((cid) => void reconciliation.suspect(cid))
  attention.start()
  exchange.open()
  replication.start()
  tracker.start()
  void heartbeat.beat()
  alerts.start()
  reconciliation.start()
  upkeep.start()
  const pinning = (door: PinningInit['store']) =>
    new Pinning({
      store: door,
      ipfs: noContent,
      allocate: (pin, current) => membership.allocate(pin, current),
      gave: (peers) => membership.gave(peers),
      retry: (cid) => void tracker.recover(cid).catch(() => undefined),
      defaults: config.defaults,
      isFollower: config.isFollower,
      clock,
      scheduler,
    })
  return { store, reports, membership, window, replication, tracker, upkeep, alerts, exchange, pinning }
}

function trackerSettings({ concurrency }: PeerConfig) {
  return {
    ...defaultTrackerSettings,
    concurrentPins: concurrency,
    concurrentUnpins: concurrency,
    stallTimeout: times.stall,
  }
}

function upkeepSettings({ isFollower, repinning }: PeerConfig): UpkeepSettings {
  const { grace, takeover, expiryTakeover, check: checkInterval } = times
  return { isFollower, repinning, rate: repinningRate, grace, takeover, expiryTakeover, checkInterval }
}

function heartbeatSettings(peerName: string, { region }: PeerConfig) {
  const ttl = times.informers
  return {
    peerName,
    pingInterval: times.ping,
    disk: { ttl, type: 'freespace', headroom: { freeBytes: 0, freePercent: 5 } },
    tags: region === undefined ? undefined : { ttl, tags: { region } },
    pinQueue: undefined,
    numPin: undefined,
  } as const
}

/** Shows each re-allocation before it is written. */
function observed(
  store: UpkeepStore,
  onReallocate: (change: ObservedReallocation['change']) => void,
): UpkeepStore {
  return {
    write: (changes) => {
      for (const change of changes) if (change.kind === 'reallocate') onReallocate(change)
      return store.write(changes)
    },
    pins: (query) => store.pins(query),
    expired: (query) => store.expired(query),
    orphans: (limit) => store.orphans(limit),
    lastSequence: () => store.lastSequence(),
  }
}

/** Peers are told of each other by the network; nobody is joined by a call. */
const noCalls: PeerCalls = {
  call: () => Promise.reject(new Error('the simulator has no calls between peers')),
  stream: () => {
    throw new Error('the simulator has no calls between peers')
  },
}

/** Sharded content and paths are not simulated. */
const noContent: PinningInit['ipfs'] = {
  getBlock: () => Promise.reject(new Error('the simulator has no blocks of content')),
  resolve: () => Promise.reject(new Error('the simulator has no paths')),
}

/** Blocks of good peers are never refused, nor are their announcements. */
function watched(fail: (error: unknown) => void): Logger {
  const logger: Logger = {
    debug() {},
    info() {},
    warn: (message, fields) => {
      if (message.includes('refused')) fail(new Error(`${message}: ${fields?.reason ?? fields?.error}`))
    },
    error() {},
    component: () => logger,
  }
  return logger
}
