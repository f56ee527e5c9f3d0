/**
 * Components that the Go program does not have. It keeps components that it does not know when it rewrites the file, so
 * that ours are whole components and never keys among its own (`spec/config.md §2`). An absent one means its defaults,
 * but for `ipfs_connector.embedded`: the peer has an embedded IPFS node exactly if it is there.
 */
import {
  address,
  boolean,
  choice,
  duration,
  endpoint,
  integer,
  listOf,
  oneOrMore,
  text,
  webAddress,
} from '../kind.ts'
import { component, type Limit, notNegative, positive, setting } from '../setting.ts'

const inFlight: Limit<number> = {
  what: 'from 1 to 1000',
  holds: (value) => value >= 1 && value <= 1000,
}

export const stateful = component({
  section: 'pin_tracker',
  name: 'stateful',
  environment: 'CLUSTER_STATEFUL',
  tree: {
    concurrent_unpins: setting(integer, 10, { limit: inFlight }),
    adopt_existing_pins: setting(boolean, false, { asGiven: true }),
  },
})

/** What each key does is said at `UpkeepSettings` (`core/upkeep/ports.ts`). */
export const repinning = component({
  section: 'allocator',
  name: 'repinning',
  environment: 'CLUSTER_REPINNING',
  tree: {
    grace: setting(duration, 300_000, { limit: positive }),
    rate: setting(integer, 100, { limit: positive }),
    takeover: setting(duration, 60_000, { limit: positive }),
  },
})

const percent: Limit<number> = { what: 'from 0 to 100', holds: (value) => value >= 0 && value <= 100 }

/** What each key does is said at `Headroom` (`core/monitor/informers.ts`). */
export const headroom = component({
  section: 'informer',
  name: 'headroom',
  environment: 'CLUSTER_HEADROOM',
  tree: {
    free_bytes: setting(integer, 0, { asGiven: true, limit: notNegative }),
    free_percent: setting(integer, 5, { asGiven: true, limit: percent }),
  },
})

/**
 * The nodes that Kubo begins with, of the IPFS Foundation, and two of a pinning service: with other people behind them, they
 * do not go away together.
 */
const publicBootstrap = [
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb',
  '/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt',
  '/dnsaddr/va1.bootstrap.libp2p.io/p2p/12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8',
  '/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ',
  '/dnsaddr/fra1-1.hostnodes.pinata.cloud/p2p/QmWaik1eJcGHq1ybTWe7sezRfqKNcDRNkeBaLnGwQJz1Cj',
  '/dnsaddr/nyc1-1.hostnodes.pinata.cloud/p2p/QmRjLSisUCHVpFa5ELVvX3qVPfdxajxWJEHs9kN3EcxAW6',
]

/** What each key does is said at `EmbeddedConfig` (`core/ipfs/embedded/config.ts`). */
export const embedded = component({
  section: 'ipfs_connector',
  name: 'embedded',
  environment: 'CLUSTER_EMBEDDED',
  tree: {
    /** Where blocks and keys of the node are; relative to the folder of service.json. */
    folder: setting(text, 'ipfs'),
    network: setting(choice('public', 'cluster'), 'public'),
    swarm_listen_multiaddress: setting(oneOrMore(address), ['/ip4/0.0.0.0/tcp/9099', '/ip6/::/tcp/9099'], {
      asGiven: true,
    }),
    swarm_announce_multiaddress: setting(oneOrMore(address), [], { asGiven: true }),
    bootstrap: setting(listOf(address), publicBootstrap, { asGiven: true }),
    delegated_routers: setting(listOf(webAddress), ['https://delegated-ipfs.dev', 'https://cid.contact'], {
      asGiven: true,
    }),
    trustless_gateways: setting(
      listOf(webAddress),
      ['https://trustless-gateway.link', 'https://4everland.io', 'https://ipfs.filebase.io'],
      { asGiven: true },
    ),
    gateway_listen_multiaddress: setting(oneOrMore(endpoint), ['/ip4/127.0.0.1/tcp/9098'], { asGiven: true }),
    storage_max: setting(integer, 0, { asGiven: true, limit: notNegative }),
    gc_grace: setting(duration, 86_400_000, { limit: notNegative }),
    announce_interval: setting(duration, 79_200_000, { limit: notNegative }),
  },
})
