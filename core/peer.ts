/**
 * A whole peer, put together: the store, the tracker, the IPFS node, the network, the APIs. Programs that embed one call
 * `createPeer` and dispose of what it gives.
 */
import { join } from 'node:path'
import { createStorage, type Storage } from 'unstorage'
import fsDriver from 'unstorage/drivers/fs-lite'
import { type Adder, createAdder } from './adder/adder.ts'
import type { PeerService } from './api/peer-service.ts'
import type { RestApi } from './api/rest/rest-api.ts'
import { isOpenToOthers } from './config/atomic-file.ts'
import { peerstoreFileOf, removedPeersFileOf } from './config/folder.ts'
import type { Identity } from './config/identity.ts'
import type { Config } from './config/load.ts'
import { readPeerstore, writePeerstore } from './config/peerstore.ts'
import { Attention, type Lapse } from './monitor/attention.ts'
import type { Metric } from './monitor/metric.ts'
import { MetricWindow } from './monitor/metric-window.ts'
import { type ClusterNetwork, createClusterNetwork } from './network/cluster-network.ts'
import { Alerts } from './peer/alerts.ts'
import { ClusterReports } from './peer/cluster-reports.ts'
import { FollowerError } from './peer/errors.ts'
import { Heartbeat } from './peer/heartbeat.ts'
import { InformerTrigger } from './peer/informer-trigger.ts'
import { IpfsWatch } from './peer/ipfs-watch.ts'
import { Joining } from './peer/joining.ts'
import { Members } from './peer/members.ts'
import { Membership } from './peer/membership.ts'
import { NodeRoom } from './peer/node-room.ts'
import { openIpfs } from './peer/open-ipfs.ts'
import { Pinning } from './peer/pinning.ts'
import { Reconnection } from './peer/reconnection.ts'
import { remoteSink } from './peer/remote-sink.ts'
import { Removal } from './peer/removal.ts'
import { RemovedPeers } from './peer/removed-peers.ts'
import { Reports } from './peer/reports.ts'
import { rpcServices } from './peer/rpc-services.ts'
import { Service } from './peer/service.ts'
import {
  heartbeatSettings,
  networkSettings,
  pinOnlyOn,
  prioritySettings,
  reconciliationSettings,
  trackerSettings,
  unmetSettings,
  upkeepSettings,
} from './peer/settings.ts'
import { SwarmLinks } from './peer/swarm-links.ts'
import type { PeerIdText } from './pin/pin.ts'
import type { Ipfs } from './runtime/ipfs.ts'
import type { Runtime } from './runtime/ports.ts'
import { createPrivateFolder } from './runtime/private-files.ts'
import type { Store } from './runtime/store.ts'
import { openStore } from './store/sqlite-store.ts'
import { createTracker, type Tracker } from './tracker/driver.ts'
import { Reconciliation } from './tracker/reconciliation.ts'
import { Upkeep } from './upkeep/upkeep.ts'

export interface PeerInit {
  /** `loadConfig` of `core/config/load.ts`. */
  config: Config
  identity: Identity
  runtime: Runtime
  /** Peers to join (`--bootstrap`). */
  bootstrap?: {
    /** Multiaddrs, each ending in `/p2p/<id>`. */
    addresses: string[]
    /** Their changes are taken, beside those of `trusted_peers`. */
    trusted: boolean
  }
}

export interface Peer extends AsyncDisposable {
  readonly service: PeerService
  readonly ipfsKind: Ipfs['kind']
  /** Where other peers of the cluster reach this one. */
  readonly clusterAddresses: string[]
  /** Where the REST API listens; empty when the configuration has none. */
  readonly restAddresses: string[]
  /** `http://…` of the gateway of the embedded IPFS node. */
  readonly gatewayUrls: string[]
  /** Resolves when the IPFS node has answered for the first time and the metrics say so. The APIs answer before. */
  readonly ready: Promise<void>
}

/** Milliseconds that a peer which joins through this one may take until it hears of this one's metrics. */
const hearingTimeout = 2_000

/**
 * Starts a peer: it answers when this resolves. Rejects, with nothing left running, when the folder is in use
 * (`StoreLockedError`), a port is taken (`ListenError`, `SwarmListenError`), an address of a peer cannot be used
 * (`PeerAddressError`), or the store is of a newer version (`StoreVersionError`).
 */
export async function createPeer(init: PeerInit): Promise<Peer> {
  await using started = new AsyncDisposableStack()
  const { config, identity, runtime } = init
  const { clock } = runtime
  const self = identity.id
  const { peername: peerName, followerMode: isFollower, leaveOnShutdown } = config.cluster
  const store = started.use(
    await openStore({ folder: config.folder, self, runtime, priority: prioritySettings(config) }),
  )
  // Only now: a start that fails says nothing but why.
  for (const unmet of unmetSettings(config))
    runtime.logger.info('a setting has no effect', { setting: unmet })
  if (await isOpenToOthers(config.folder)) {
    runtime.logger.warn('others on this machine may look into the folder of the peer: chmod 700 closes it', {
      folder: config.folder,
    })
  }
  const { ipfs: node, gatewayUrls, onConnected } = await openIpfs(config, runtime)
  started.use(node)
  const ipfs = tellingOfWorks(init, node, started, () => void heartbeat.beat())
  const network = await openNetwork(init, store)
  started.use(network)
  const bootstrap = bootstrapPeers(init, network)

  const watch = started.use(new IpfsWatch({ ipfs, cache: openCache(config.folder), runtime }))
  const ipfsView = () => watch.view
  const tracker = started.use(createTracker({ store, ipfs, runtime, settings: trackerSettings(config) }))
  const reconnection = started.use(new Reconnection(tracker, runtime))
  onConnected?.(() => reconnection.connected())
  const reconciliation = started.use(openReconciliation(init, { store, ipfs, tracker }))
  if (ipfs.proof !== undefined) started.use(ipfs.proof.watch((cid) => void reconciliation.suspect(cid)))
  const attention = started.use(openAttention(init, () => void heartbeat.beat()))
  const window = new MetricWindow(attention, (peer) => network.belongs(peer))
  const removed = await RemovedPeers.open(removedPeersFileOf(config.folder))
  const membership = new Membership({
    self,
    window,
    allocateBy: config.balanced.allocateBy,
    isTrusted: (peer) => network.trusted.has(peer),
    pinOnlyOn: pinOnlyOn(config),
    isRemoved: (peer) => removed.has(peer),
  })
  const pinning = createPinning(init, { store, ipfs, membership, tracker })
  const { scheduler } = runtime
  const reports = new Reports({ self, peerName, store, ipfs, tracker, ipfsView, clock, scheduler })
  const members = new Members({
    self,
    window,
    calls: network,
    alive: () => membership.members(),
    identity: () => service.identity(),
    async met(peer) {
      joining.countAlive(peer)
      // What it tells of itself when this call has ended is not to get lost.
      await network.untilItHears(peer, hearingTimeout)
    },
  })
  const upkeep = started.use(openUpkeep(init, { store, membership, pinning }))
  const others = () => members.others()
  const removal = started.use(
    new Removal({
      self,
      isFollower,
      removed,
      upkeep,
      others,
      hasPinged: (peer) => window.latest('ping', peer) !== undefined,
      calls: network,
      runtime,
    }),
  )
  const alerts = started.use(new Alerts({ window, interval: config.pubsubmon.checkInterval, runtime }))
  const service: Service = new Service({
    self,
    peerName,
    isFollower,
    addresses: () => network.addresses(),
    otherAddresses: () => otherAddresses(network, membership.members()),
    ipfs,
    store,
    ipfsView,
    membership,
    pinning,
    reports,
    members,
    removal,
    window,
    alerts,
    isTrusted: (peer) => network.trusted.has(peer),
    bandwidth: () => network.bandwidth(),
    calls: network,
    cluster: new ClusterReports({
      self,
      own: reports,
      store,
      folder: config.folder,
      calls: network,
      members: () => membership.members(),
      namesOf: (peer) => members.namesOf(peer),
      clock,
    }),
    adder: openAdder(init, { ipfs, network, membership, pinning }),
    runtime,
  })
  const links = started.use(
    new SwarmLinks({ ipfs, members, interval: config.ipfshttp.connectSwarmsDelay, runtime }),
  )
  const room = started.use(new NodeRoom(ipfs, runtime))
  const heartbeat = started.use(
    new Heartbeat({
      self,
      settings: heartbeatSettings(config),
      ipfs,
      ipfsView,
      queueSize: () => store.counts().local.pin_queued ?? 0,
      pinned: () => store.counts().local.pinned ?? 0,
      publish: (metric) => publish(metric, window, network, runtime),
      onRepo: (isNearlyFull, repo) => room.note(isNearlyFull, repo),
      runtime,
    }),
  )
  const joining = started.use(
    new Joining({
      self,
      window,
      calls: network,
      known: network.knownPeers().map(({ id }) => id),
      pingInterval: config.cluster.monitorPingInterval,
      announce: () => void heartbeat.beat(),
      runtime,
    }),
  )

  const rest = await startRest(init, service)
  if (rest !== undefined) started.use(rest)
  network.onMetric((metric) => {
    if (window.add(metric)) links.heardOf(metric.peer)
  })
  network.onConnect((peer) => joining.connected(peer))
  network.onListener(() => joining.heardBy())
  const identityOfSelf = () => service.identity()
  await network.start(
    rpcServices({
      self,
      peerName,
      isFollower,
      identity: identityOfSelf,
      members,
      removal,
      reports,
      ipfs,
      store,
    }),
  )
  attention.start()
  tracker.start()
  reconciliation.start()
  upkeep.start()
  void heartbeat.beat()
  alerts.start()
  joining.join(bootstrap)
  await watch.start()
  const ready = watch.ready.then(() => heartbeat.beat())
  ready.catch(() => undefined)

  const running = started.move()
  return {
    service,
    ipfsKind: ipfs.kind,
    clusterAddresses: network.addresses(),
    restAddresses: rest?.addresses ?? [],
    gatewayUrls,
    ready,
    async [Symbol.asyncDispose]() {
      if (leaveOnShutdown && !isFollower) await removal.leave()
      await savePeerstore(init, network)
      await running.disposeAsync()
    },
  }
}

/** The node itself when metrics are not told anew after so many works. */
function tellingOfWorks(
  { config, runtime }: PeerInit,
  node: Ipfs,
  started: AsyncDisposableStack,
  tell: () => void,
): Ipfs {
  const { informerTriggerInterval: interval } = config.ipfshttp
  return interval === 0
    ? node
    : started.use(new InformerTrigger(interval, runtime.scheduler, tell)).watch(node)
}

async function openNetwork({ config, identity, runtime }: PeerInit, store: Store): Promise<ClusterNetwork> {
  return createClusterNetwork({
    identity,
    settings: networkSettings(config),
    folder: config.folder,
    peerstore: await readPeerstore(peerstoreFileOf(config.folder, config.cluster.peerstoreFile)),
    store,
    runtime,
  })
}

/** Takes the addresses of `--bootstrap`, and trusts their peers if it is said so. Gives them. Throws `PeerAddressError`. */
function bootstrapPeers({ bootstrap }: PeerInit, network: ClusterNetwork): PeerIdText[] {
  if (bootstrap === undefined) return []
  const peers = network.addPeerAddresses(bootstrap.addresses, '--bootstrap')
  if (bootstrap.trusted) for (const peer of peers) network.trusted.add(peer)
  return peers
}

/** `onLapse`: others may have missed this peer while it was not there. */
function openAttention({ config, runtime }: PeerInit, onLapse: () => void): Attention {
  const logger = runtime.logger.component('monitor')
  return new Attention({
    clock: runtime.clock,
    scheduler: runtime.scheduler,
    pingTtl: 2 * config.cluster.monitorPingInterval,
    onLapse({ late, jump, doubt }: Lapse) {
      logger.warn('this peer was not running for a while, or its clock was set: it misses nobody for now', {
        late: `${Math.round(late)} ms`,
        clock: `${Math.round(jump)} ms`,
        for: `${Math.round(doubt)} ms`,
      })
      onLapse()
    },
  })
}

/** A metric that is not valid is not told: the last one runs out, and that others are alerted of. */
function publish(metric: Metric, window: MetricWindow, network: ClusterNetwork, runtime: Runtime): void {
  if (!metric.valid) return
  window.add(metric)
  network.publishMetric(metric).catch((error: unknown) => {
    const logger = runtime.logger.component('monitor')
    logger.debug('a metric was not published', { metric: metric.name, error: String(error) })
  })
}

/** The addresses of the peers met are where the next start begins. */
async function savePeerstore({ config, runtime }: PeerInit, network: ClusterNetwork): Promise<void> {
  try {
    await writePeerstore(
      peerstoreFileOf(config.folder, config.cluster.peerstoreFile),
      network.peerstoreLines(),
    )
  } catch (error) {
    runtime.logger.warn('the peerstore could not be written', { error: String(error) })
  }
}

/** Small values that may be lost, such as the last identity of the IPFS node. */
function openCache(folder: string): Storage {
  const base = join(folder, 'cache')
  createPrivateFolder(base)
  return createStorage({ driver: fsDriver({ base }) })
}

function openReconciliation(
  { config, runtime }: PeerInit,
  { store, ipfs, tracker }: { store: Store; ipfs: Ipfs; tracker: Tracker },
): Reconciliation {
  const isAway = () => tracker.outage !== undefined
  return new Reconciliation({ store, ipfs, isAway, runtime, settings: reconciliationSettings(config) })
}

function openUpkeep(
  { config, identity, runtime }: PeerInit,
  { store, membership, pinning }: { store: Store; membership: Membership; pinning: Pinning },
): Upkeep {
  return new Upkeep({
    self: identity.id,
    store,
    members: membership,
    partsOf: (meta, signal) => pinning.partsOf(meta, signal),
    settings: upkeepSettings(config),
    runtime,
  })
}

function createPinning(
  { config, runtime }: PeerInit,
  parts: { store: Store; ipfs: Ipfs; membership: Membership; tracker: Tracker },
): Pinning {
  const logger = runtime.logger.component('pintracker')
  return new Pinning({
    store: parts.store,
    ipfs: parts.ipfs,
    allocate: (pin, current) => parts.membership.allocate(pin, current),
    gave: (peers) => parts.membership.gave(peers),
    retry: (cid) => {
      parts.tracker.recover(cid).catch((error: unknown) => {
        logger.warn('a pin could not be queued again', { cid: String(cid), error: String(error) })
      })
    },
    defaults: { min: config.cluster.replicationFactorMin, max: config.cluster.replicationFactorMax },
    isFollower: config.cluster.followerMode,
    clock: runtime.clock,
    scheduler: runtime.scheduler,
  })
}

function openAdder(
  { config, identity, runtime }: PeerInit,
  parts: { ipfs: Ipfs; network: ClusterNetwork; membership: Membership; pinning: Pinning },
): Adder {
  const { ipfs, network, membership, pinning } = parts
  return createAdder({
    self: identity.id,
    allocate: async (options) => {
      if (config.cluster.followerMode) throw new FollowerError()
      return membership.destinations(pinning.withDefaults(options))
    },
    sinkFor: (peer) =>
      peer === identity.id
        ? { put: (blocks, options) => ipfs.putBlocks(blocks, options) }
        : remoteSink(network, peer),
    pin: (root, options, allocations) => pinning.pinAdded(root, options, allocations),
    logger: runtime.logger.component('adder'),
  })
}

function otherAddresses(network: ClusterNetwork, members: readonly string[]): string[] {
  return network
    .knownPeers()
    .filter(({ id }) => members.includes(id))
    .flatMap(({ addresses }) => addresses)
}

async function startRest({ config, runtime }: PeerInit, service: PeerService): Promise<RestApi | undefined> {
  if (config.restapi === undefined) return undefined
  const { createRestApi } = await import('./api/rest/rest-api.ts')
  return createRestApi({ service, config: config.restapi, folder: config.folder, runtime })
}
