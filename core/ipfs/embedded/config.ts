/**
 * How the embedded node is set up: section `ipfs_connector.embedded` of service.json, whose keys are these in snake
 * case. `core/config/components/own.ts` declares them for the file and the environment.
 */

export interface EmbeddedConfig {
  /**
   * `public`: the public IPFS network, as Kubo does. `cluster`: only nodes that this one is told of (`connect`, origins of
   * pins, `bootstrap`): no DHT, no HTTP routers, no gateways, and nobody else is let in.
   */
  network: 'public' | 'cluster'
  /** Multiaddrs that the node's libp2p host listens at; TCP only. */
  swarmListenMultiaddress: string[]
  /** Multiaddrs told to others instead of those that were found; for nodes behind a port forwarding. */
  swarmAnnounceMultiaddress: string[]
  /** Multiaddrs, each with `/p2p/`, of nodes to begin with. */
  bootstrap: string[]
  /** URLs of HTTP routers (`/routing/v1`), asked for providers; `public` only. */
  delegatedRouters: string[]
  /** URLs of trustless gateways, asked for blocks that nobody else gives; `public` only. */
  trustlessGateways: string[]
  /** TCP multiaddrs that the read-only HTTP gateway listens at; none = no gateway. */
  gatewayListenMultiaddress: string[]
  /** Bytes of blocks; 0 = what the disk has room for. */
  storageMax: number
  /** Milliseconds for which blocks that were added without a pin are safe from garbage collection. */
  gcGrace: number
  /** Milliseconds between two announcements of the same pin to the DHT; 0 = none are announced. */
  announceInterval: number
}

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

/** Ports 9098 and 9099 stand beside those of the cluster (9094 to 9097) and leave Kubo's 4001 and 8080 to Kubo. */
export const embeddedDefaults: EmbeddedConfig = {
  network: 'public',
  swarmListenMultiaddress: ['/ip4/0.0.0.0/tcp/9099', '/ip6/::/tcp/9099'],
  swarmAnnounceMultiaddress: [],
  bootstrap: publicBootstrap,
  delegatedRouters: ['https://delegated-ipfs.dev', 'https://cid.contact'],
  trustlessGateways: ['https://trustless-gateway.link', 'https://4everland.io', 'https://ipfs.filebase.io'],
  gatewayListenMultiaddress: ['/ip4/127.0.0.1/tcp/9098'],
  storageMax: 0,
  gcGrace: 24 * 60 * 60 * 1000,
  announceInterval: 22 * 60 * 60 * 1000,
}

/** The nodes to begin with. A confined node has nothing to do with those of the public network, which are the default. */
export function startingNodes({ network, bootstrap }: EmbeddedConfig): string[] {
  return network === 'public' ? bootstrap : bootstrap.filter((address) => !publicBootstrap.includes(address))
}
