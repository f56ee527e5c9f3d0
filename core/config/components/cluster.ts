/** The `cluster` section (`spec/config.md §4.1`). */
import { hostname } from 'node:os'
import { address, boolean, duration, integer, listOf, oneOrMore, text } from '../kind.ts'
import { secret } from '../secret.ts'
import { component, group, notEmpty, notNegative, positive, setting } from '../setting.ts'

const factor = { what: 'at least −1 and not 0', holds: (value: number) => value >= -1 && value !== 0 }

export const cluster = component({
  section: 'cluster',
  name: 'cluster',
  environment: 'CLUSTER',
  tree: {
    id: setting(text, '', { asGiven: true, hidden: true }),
    peername: setting(text, hostname()),
    private_key: setting(text, '', { asGiven: true, hidden: true, secret: true }),
    secret: setting(secret, '', { asGiven: true, secret: true }),
    leave_on_shutdown: setting(boolean, false, { asGiven: true }),
    listen_multiaddress: setting(
      oneOrMore(address),
      ['/ip4/0.0.0.0/tcp/9096', '/ip4/0.0.0.0/udp/9096/quic'],
      { asGiven: true, limit: notEmpty },
    ),
    announce_multiaddress: setting(oneOrMore(address), [], { asGiven: true }),
    no_announce_multiaddress: setting(oneOrMore(address), [], { asGiven: true }),
    enable_relay_hop: setting(boolean, true, { asGiven: true }),
    connection_manager: group({
      high_water: setting(integer, 400, { asGiven: true, limit: positive }),
      low_water: setting(integer, 100, { asGiven: true, limit: positive }),
      grace_period: setting(duration, 120_000, { limit: positive }),
    }),
    resource_manager: group({
      enabled: setting(boolean, true, { asGiven: true }),
      memory_limit_bytes: setting(integer, 0, { asGiven: true, limit: notNegative }),
      file_descriptors_limit: setting(integer, 0, { asGiven: true, limit: notNegative }),
    }),
    pubsub: group({
      seen_messages_ttl: setting(duration, 1_800_000, { limit: positive }),
      heartbeat_interval: setting(duration, 10_000, { limit: positive }),
      d_factor: setting(integer, 4, { asGiven: true, limit: positive }),
      history_gossip: setting(integer, 2, { asGiven: true, limit: positive }),
      history_length: setting(integer, 6, { asGiven: true, limit: positive }),
      flood_publish: setting(boolean, false, { asGiven: true }),
    }),
    dial_peer_timeout: setting(duration, 3_000, { limit: positive }),
    state_sync_interval: setting(duration, 300_000, { limit: positive }),
    pin_recover_interval: setting(duration, 720_000, { limit: positive }),
    replication_factor_min: setting(integer, -1, { limit: factor }),
    replication_factor_max: setting(integer, -1, { limit: factor }),
    monitor_ping_interval: setting(duration, 15_000, { limit: positive }),
    peer_watch_interval: setting(duration, 5_000, { limit: positive }),
    mdns_interval: setting(duration, 10_000, { limit: notNegative }),
    pin_only_on_trusted_peers: setting(boolean, false, { asGiven: true }),
    pin_only_on_untrusted_peers: setting(boolean, false, { asGiven: true }),
    disable_repinning: setting(boolean, true, { asGiven: true }),
    follower_mode: setting(boolean, false, { asGiven: true, hidden: true }),
    peerstore_file: setting(text, '', { asGiven: true, hidden: true }),
    peer_addresses: setting(listOf(address), [], { asGiven: true }),
  },
  check(values, refuse) {
    const { replicationFactorMin: min, replicationFactorMax: max, connectionManager } = values
    if ((min === -1) !== (max === -1)) {
      refuse('replication_factor_min', 'and replication_factor_max must both be −1 when one of them is')
    }
    if (min > max) refuse('replication_factor_min', 'must not be larger than replication_factor_max')
    if (connectionManager.lowWater > connectionManager.highWater) {
      refuse('connection_manager.low_water', 'must not be larger than high_water')
    }
    if (values.pinOnlyOnTrustedPeers && values.pinOnlyOnUntrustedPeers) {
      refuse('pin_only_on_trusted_peers', 'cannot be set together with pin_only_on_untrusted_peers')
    }
  },
})
