/**
 * A whole peer, put together: the store, the tracker, the IPFS node, the APIs. Programs that embed one call `createPeer`
 * and dispose of what it gives.
 */
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { createStorage, type Storage } from 'unstorage'
import fsDriver from 'unstorage/drivers/fs-lite'
import { type Adder, createAdder } from './adder/adder.ts'
import type { PeerService } from './api/peer-service.ts'
import type { RestApi } from './api/rest/rest-api.ts'
import type { Identity } from './config/identity.ts'
import type { Config } from './config/load.ts'
import { MetricWindow } from './monitor/metric-window.ts'
import { Heartbeat } from './peer/heartbeat.ts'
import { IpfsWatch } from './peer/ipfs-watch.ts'
import { Membership } from './peer/membership.ts'
import { Pinning } from './peer/pinning.ts'
import { Reports } from './peer/reports.ts'
import { LocalService } from './peer/service.ts'
import type { Ipfs } from './runtime/ipfs.ts'
import type { Runtime } from './runtime/ports.ts'
import type { Store } from './runtime/store.ts'
import { openStore } from './store/sqlite-store.ts'
import { createTracker, type Tracker } from './tracker/driver.ts'
import type { PrioritySettings } from './tracker/priority.ts'
import { defaultTrackerSettings, type TrackerSettings } from './tracker/settings.ts'

export interface PeerInit {
  /** `loadConfig` of `core/config/load.ts`. */
  config: Config
  identity: Identity
  runtime: Runtime
}

export interface Peer extends AsyncDisposable {
  readonly service: PeerService
  readonly ipfsKind: Ipfs['kind']
  /** Where the REST API listens; empty when the configuration has none. */
  readonly restAddresses: string[]
  /** `http://…` of the gateway of the embedded IPFS node. */
  readonly gatewayUrls: string[]
  /** Resolves when the IPFS node has answered for the first time. The APIs answer before. */
  readonly ready: Promise<void>
}

/**
 * Starts a peer: it answers when this resolves. Rejects, with nothing left running, when the folder is in use
 * (`StoreLockedError`), a port is taken (`ListenError`), or the store is of a newer version (`StoreVersionError`).
 */
export async function createPeer(init: PeerInit): Promise<Peer> {
  await using started = new AsyncDisposableStack()
  const { config, identity, runtime } = init
  const self = identity.id

  const store = started.use(
    await openStore({ folder: config.folder, self, runtime, priority: prioritySettings(config) }),
  )
  const { ipfs, gatewayUrls } = await openIpfs(init)
  started.use(ipfs)

  const watch = started.use(new IpfsWatch({ ipfs, cache: openCache(config.folder), runtime }))
  const tracker = started.use(createTracker({ store, ipfs, runtime, settings: trackerSettings(config) }))
  const window = new MetricWindow()
  const membership = new Membership({
    self,
    window,
    allocateBy: config.balanced.allocateBy,
    clock: runtime.clock,
  })
  const heartbeat = started.use(createHeartbeat(init, { ipfs, watch, window, store }))
  const pinning = createPinning(init, { store, ipfs, membership, tracker })
  const service = new LocalService({
    self,
    peerName: config.cluster.peername,
    addresses: () => [],
    ipfs,
    store,
    ipfsView: () => watch.view,
    membership,
    pinning,
    reports: new Reports({
      self,
      peerName: config.cluster.peername,
      store,
      tracker,
      ipfsView: () => watch.view,
      clock: runtime.clock,
    }),
    adder: createLocalAdder({ self, runtime, ipfs, membership, pinning, config }),
  })

  const rest = await startRest(init, service)
  if (rest !== undefined) started.use(rest)
  await tracker.start()
  await heartbeat.beat()
  await watch.start()
  watch.ready.then(() => heartbeat.beat()).catch(() => undefined)

  const running = started.move()
  return {
    service,
    ipfsKind: ipfs.kind,
    restAddresses: rest?.addresses ?? [],
    gatewayUrls,
    ready: watch.ready,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

async function openIpfs({ config, runtime }: PeerInit): Promise<{ ipfs: Ipfs; gatewayUrls: string[] }> {
  if (config.embedded !== undefined) {
    const { createEmbeddedIpfs } = await import('./ipfs/embedded/embedded-ipfs.ts')
    const { folder, ...embedded } = config.embedded
    const ipfs = await createEmbeddedIpfs({ folder: join(config.folder, folder), config: embedded, runtime })
    return { ipfs, gatewayUrls: [...ipfs.gatewayUrls] }
  }
  const { createKubo } = await import('./ipfs/kubo/kubo.ts')
  const { nodeMultiaddress, ipfsRequestTimeout, unpinTimeout, repogcTimeout } = config.ipfshttp
  const timeouts = { request: ipfsRequestTimeout, unpin: unpinTimeout, gc: repogcTimeout }
  return { ipfs: createKubo({ address: nodeMultiaddress, timeouts, runtime }), gatewayUrls: [] }
}

/** Small values that may be lost, such as the last identity of the IPFS node. */
function openCache(folder: string): Storage {
  return createStorage({ driver: fsDriver({ base: join(folder, 'cache') }) })
}

function trackerSettings(config: Config): TrackerSettings {
  const { stateless, stateful, ipfshttp } = config
  return {
    ...defaultTrackerSettings,
    concurrentPins: stateless.concurrentPins,
    concurrentUnpins: stateful.concurrentUnpins,
    adoptExistingPins: stateful.adoptExistingPins,
    priority: prioritySettings(config),
    unpinDisabled: ipfshttp.unpinDisable,
    stallTimeout: ipfshttp.pinTimeout,
  }
}

function prioritySettings({ stateless }: Config): PrioritySettings {
  return { maxAge: stateless.priorityPinMaxAge, maxRetries: stateless.priorityPinMaxRetries }
}

function createHeartbeat(
  { config, identity, runtime }: PeerInit,
  parts: { ipfs: Ipfs; watch: IpfsWatch; window: MetricWindow; store: Store },
): Heartbeat {
  const { cluster, disk, tags, pinqueue } = config
  return new Heartbeat({
    self: identity.id,
    settings: {
      peerName: cluster.peername,
      pingInterval: cluster.monitorPingInterval,
      disk: disk && { ttl: disk.metricTtl, type: disk.metricType },
      tags: tags && { ttl: tags.metricTtl, tags: tags.tags },
      pinQueue: pinqueue && { ttl: pinqueue.metricTtl, weightBucketSize: pinqueue.weightBucketSize },
    },
    ipfs: parts.ipfs,
    ipfsView: () => parts.watch.view,
    queueSize: () => parts.store.counts().local.pin_queued ?? 0,
    publish: (metric) => void parts.window.add(metric),
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
    retry: (cid: CID) => {
      parts.tracker
        .recover(cid)
        .catch((error: unknown) =>
          logger.warn('a pin could not be queued again', { cid: String(cid), error: String(error) }),
        )
    },
    defaults: { min: config.cluster.replicationFactorMin, max: config.cluster.replicationFactorMax },
    isFollower: config.cluster.followerMode,
    clock: runtime.clock,
  })
}

function createLocalAdder(parts: {
  self: string
  runtime: Runtime
  ipfs: Ipfs
  membership: Membership
  pinning: Pinning
  config: Config
}): Adder {
  const { self, runtime, ipfs, membership, pinning } = parts
  return createAdder({
    self,
    allocate: async (options) => membership.destinations(pinning.withDefaults(options)),
    sinkFor: () => ({ put: (blocks, options) => ipfs.putBlocks(blocks, options) }),
    pin: (root, options, allocations) => pinning.pinAdded(root, options, allocations),
    logger: runtime.logger.component('adder'),
  })
}

async function startRest({ config, runtime }: PeerInit, service: PeerService): Promise<RestApi | undefined> {
  if (config.restapi === undefined) return undefined
  const { createRestApi } = await import('./api/rest/rest-api.ts')
  return createRestApi({ service, config: config.restapi, folder: config.folder, runtime })
}
