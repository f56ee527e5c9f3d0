/** What a peer works with: IPFS, tracker, monitor, allocator, informers, observations (`spec/config.md §4.6, §4.7`). */
import {
  authorization,
  boolean,
  choice,
  decimal,
  dictionary,
  duration,
  endpoint,
  integer,
  listOf,
  text,
} from '../kind.ts'
import { component, notEmpty, notNegative, positive, setting } from '../setting.ts'

export const ipfshttp = component({
  section: 'ipfs_connector',
  name: 'ipfshttp',
  environment: 'CLUSTER_IPFSHTTP',
  tree: {
    node_multiaddress: setting(endpoint, '/ip4/127.0.0.1/tcp/5001', {
      asGiven: true,
      limit: { what: 'and is required', holds: (value) => value !== '' },
    }),
    /** Ours: the Go program keeps it and does not know it. */
    node_authorization: setting(authorization, '', { hidden: true, secret: true }),
    connect_swarms_delay: setting(duration, 30_000, { limit: notNegative }),
    ipfs_request_timeout: setting(duration, 300_000, { limit: notNegative }),
    /** Since the last progress; 0 = never. */
    pin_timeout: setting(duration, 120_000, { limit: notNegative }),
    unpin_timeout: setting(duration, 10_800_000, { limit: notNegative }),
    repogc_timeout: setting(duration, 86_400_000, { limit: notNegative }),
    informer_trigger_interval: setting(integer, 0, { asGiven: true, limit: notNegative }),
    unpin_disable: setting(boolean, false, { asGiven: true, hidden: true }),
  },
})

export const stateless = component({
  section: 'pin_tracker',
  name: 'stateless',
  environment: 'CLUSTER_STATELESS',
  tree: {
    max_pin_queue_size: setting(integer, 1_000_000, { hidden: true, limit: positive }),
    concurrent_pins: setting(integer, 10, { limit: positive }),
    priority_pin_max_age: setting(duration, 86_400_000, { limit: positive }),
    priority_pin_max_retries: setting(integer, 5, { limit: positive }),
  },
})

export const pubsubmon = component({
  section: 'monitor',
  name: 'pubsubmon',
  environment: 'CLUSTER_PUBSUBMON',
  tree: { check_interval: setting(duration, 15_000, { limit: positive }) },
})

export const balanced = component({
  section: 'allocator',
  name: 'balanced',
  environment: 'CLUSTER_BALANCED',
  tree: { allocate_by: setting(listOf(text), ['tag:group', 'freespace'], { limit: notEmpty }) },
})

const metricTtl = setting(duration, 30_000, { limit: positive })

export const disk = component({
  section: 'informer',
  name: 'disk',
  environment: 'CLUSTER_DISK',
  tree: {
    metric_ttl: metricTtl,
    metric_type: setting(choice('freespace', 'reposize'), 'freespace'),
  },
})

export const tags = component({
  section: 'informer',
  name: 'tags',
  environment: 'CLUSTER_TAGS',
  tree: { metric_ttl: metricTtl, tags: setting(dictionary, { group: 'default' }, { asGiven: true }) },
})

export const pinqueue = component({
  section: 'informer',
  name: 'pinqueue',
  environment: 'CLUSTER_PINQUEUE',
  tree: {
    metric_ttl: metricTtl,
    weight_bucket_size: setting(integer, 100_000, { asGiven: true, limit: notNegative }),
  },
})

/** The original has its code and does not know it in a file (`spec/behaviour.md` §3.1). */
export const numpin = component({
  section: 'informer',
  name: 'numpin',
  environment: 'CLUSTER_NUMPIN',
  tree: { metric_ttl: setting(duration, 10_000, { limit: positive }) },
})

export const metrics = component({
  section: 'observations',
  name: 'metrics',
  environment: 'CLUSTER_METRICS',
  tree: {
    enable_stats: setting(boolean, false, { asGiven: true }),
    prometheus_endpoint: setting(endpoint, '/ip4/127.0.0.1/tcp/8888'),
    reporting_interval: setting(duration, 30_000, { limit: notNegative }),
  },
})

export const tracing = component({
  section: 'observations',
  name: 'tracing',
  environment: 'CLUSTER_TRACING',
  tree: {
    enable_tracing: setting(boolean, false, { asGiven: true }),
    jaeger_agent_endpoint: setting(text, '/ip4/0.0.0.0/udp/6831'),
    sampling_prob: setting(decimal, 0.3, { asGiven: true, limit: notNegative }),
    service_name: setting(text, 'cluster-daemon'),
  },
})
