/** What the configuration says, in the terms of the parts that a peer is made of. */
import type { Config } from '../config/load.ts'
import { splitByPeer } from '../config/peer-addresses.ts'
import type { NetworkSettings } from '../network/cluster-network.ts'
import { seenMessages } from '../network/topics.ts'
import type { PrioritySettings } from '../tracker/priority.ts'
import type { ReconciliationSettings } from '../tracker/reconciliation.ts'
import { defaultTrackerSettings, type TrackerSettings } from '../tracker/settings.ts'
import { defaultUpkeepSettings, type UpkeepSettings } from '../upkeep/ports.ts'
import type { HeartbeatSettings } from './heartbeat.ts'

export function trackerSettings(config: Config): TrackerSettings {
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

export function prioritySettings({ stateless }: Config): PrioritySettings {
  return { maxAge: stateless.priorityPinMaxAge, maxRetries: stateless.priorityPinMaxRetries }
}

/** What the configuration asks of the network and this version does not do. */
export function unmetSettings({ cluster }: Config): string[] {
  const { enableRelayHop, resourceManager, pubsub } = cluster
  const { memoryLimitBytes, fileDescriptorsLimit } = resourceManager
  return [
    ...(enableRelayHop
      ? ['cluster.enable_relay_hop: this peer relays for nobody and reaches nobody by relays']
      : []),
    ...(memoryLimitBytes > 0 || fileDescriptorsLimit > 0
      ? ['cluster.resource_manager: the limits of this program are its own, whatever is set there']
      : []),
    ...(pubsub.seenMessagesTtl === seenMessages
      ? []
      : ['cluster.pubsub.seen_messages_ttl: a message counts as seen for 30 min, as in the original']),
  ]
}

export function reconciliationSettings(config: Config): ReconciliationSettings {
  return { interval: config.cluster.pinRecoverInterval, priority: prioritySettings(config) }
}

export function upkeepSettings({ cluster, repinning }: Config): UpkeepSettings {
  return {
    ...defaultUpkeepSettings,
    isFollower: cluster.followerMode,
    repinning: !cluster.disableRepinning,
    checkInterval: cluster.stateSyncInterval,
    ...repinning,
  }
}

/** To whom pins are given: `pin_only_on_trusted_peers` and `pin_only_on_untrusted_peers`. */
export function pinOnlyOn({ cluster }: Config): 'trusted' | 'untrusted' | undefined {
  if (cluster.pinOnlyOnTrustedPeers) return 'trusted'
  return cluster.pinOnlyOnUntrustedPeers ? 'untrusted' : undefined
}

export function heartbeatSettings(config: Config): HeartbeatSettings {
  const { cluster, disk, headroom, tags, pinqueue, numpin } = config
  return {
    peerName: cluster.peername,
    pingInterval: cluster.monitorPingInterval,
    disk: disk && { ttl: disk.metricTtl, type: disk.metricType, headroom },
    tags: tags && { ttl: tags.metricTtl, tags: tags.tags },
    pinQueue: pinqueue && { ttl: pinqueue.metricTtl, weightBucketSize: pinqueue.weightBucketSize },
    numPin: numpin && { ttl: numpin.metricTtl },
  }
}

export function networkSettings({ cluster, crdt }: Config): NetworkSettings {
  if (crdt === undefined) throw new Error('consensus.crdt is missing: raft is not supported')
  const { lowWater, highWater, gracePeriod } = cluster.connectionManager
  return {
    lowWater,
    highWater,
    gracePeriod,
    dialTimeout: cluster.dialPeerTimeout,
    clusterName: crdt.clusterName,
    secret: cluster.secret,
    listen: cluster.listenMultiaddress,
    announce: cluster.announceMultiaddress,
    noAnnounce: cluster.noAnnounceMultiaddress,
    mdns: cluster.mdnsInterval > 0,
    pubsub: {
      heartbeatInterval: cluster.pubsub.heartbeatInterval,
      dFactor: cluster.pubsub.dFactor,
      historyLength: cluster.pubsub.historyLength,
      historyGossip: cluster.pubsub.historyGossip,
      floodPublish: cluster.pubsub.floodPublish,
      peerExchange: !cluster.followerMode,
    },
    trustedPeers: crdt.trustedPeers,
    peerAddresses: splitByPeer(cluster.peerAddresses).usable,
    rebroadcastInterval: crdt.rebroadcastInterval,
  }
}
