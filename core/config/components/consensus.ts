/** `consensus.crdt` and, so that it is recognised and kept, `consensus.raft` (`spec/config.md §4.2, §4.3`). */
import { duration, integer, listOf, text } from '../kind.ts'
import { peerIdOrAll, peerIdText } from '../peer-ids.ts'
import { component, group, notNegative, positive, setting } from '../setting.ts'

export const crdt = component({
  section: 'consensus',
  name: 'crdt',
  environment: 'CLUSTER_CRDT',
  tree: {
    cluster_name: setting(text, 'ipfs-cluster'),
    /** With `*` anywhere, all are trusted; without an entry, nobody else is. */
    trusted_peers: setting(listOf(peerIdOrAll), ['*'], { asGiven: true }),
    batching: group({
      max_batch_size: setting(integer, 0, { asGiven: true }),
      max_batch_age: setting(duration, 0, { lenient: true }),
      max_queue_size: setting(integer, 50_000, { hidden: true, limit: positive }),
    }),
    repair_interval: setting(duration, 3_600_000, { lenient: true, limit: notNegative }),
    rebroadcast_interval: setting(duration, 60_000, { lenient: true, hidden: true, limit: positive }),
    peerset_metric: setting(text, 'ping', { hidden: true }),
    datastore_namespace: setting(text, '/c', { hidden: true }),
  },
})

export const raft = component({
  section: 'consensus',
  name: 'raft',
  environment: 'CLUSTER_RAFT',
  tree: {
    data_folder: setting(text, '', { hidden: true }),
    init_peerset: setting(listOf(peerIdText), [], { asGiven: true }),
    wait_for_leader_timeout: setting(duration, 15_000, { lenient: true }),
    network_timeout: setting(duration, 10_000, { lenient: true }),
    commit_retries: setting(integer, 1, { asGiven: true }),
    commit_retry_delay: setting(duration, 200, { lenient: true }),
    backups_rotate: setting(integer, 6),
    heartbeat_timeout: setting(duration, 1_000, { lenient: true }),
    election_timeout: setting(duration, 1_000, { lenient: true }),
    commit_timeout: setting(duration, 50, { lenient: true }),
    max_append_entries: setting(integer, 64),
    trailing_logs: setting(integer, 10_240),
    snapshot_interval: setting(duration, 120_000, { lenient: true }),
    snapshot_threshold: setting(integer, 8_192),
    leader_lease_timeout: setting(duration, 500, { lenient: true }),
    datastore_namespace: setting(text, '/r', { hidden: true }),
  },
})
