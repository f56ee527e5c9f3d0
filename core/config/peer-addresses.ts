/** Addresses of other peers in the configuration. */

/**
 * Those that name their peer. Without `/p2p/<peer ID>` nobody can tell who answers; ipfs-cluster (Go) starts with such
 * addresses in its files and does nothing with them.
 */
export function splitByPeer(addresses: readonly string[]): { usable: string[]; nameless: string[] } {
  const usable = addresses.filter((address) => /\/(p2p|ipfs)\/[^/]+$/.test(address))
  return { usable, nameless: addresses.filter((address) => !usable.includes(address)) }
}
