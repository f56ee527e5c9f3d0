/** Where a host listens, as against where it is to. */
import type { Libp2p } from '@libp2p/interface'

/**
 * The addresses of IPv6 that a started host was to listen at when it does so at none. The library lets that be as long as it
 * listens at all those of IPv4, since a machine may have no IPv6, and says nothing.
 */
export function unheardIpv6(host: Libp2p, listen: readonly string[]): string[] {
  const wanted = listen.filter((address) => address.startsWith('/ip6/'))
  const { transportManager } = (host as unknown as WithTransports).components
  const heard = transportManager.getAddrs().some((address) => String(address).startsWith('/ip6/'))
  return heard ? [] : wanted
}

interface WithTransports {
  components: { transportManager: { getAddrs(): object[] } }
}
