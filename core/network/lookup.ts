/** Finds out where a peer is that only others know, by asking them (DHT). */
import type { PeerId } from '@libp2p/interface'
import { Deadline } from '../runtime/deadline.ts'
import { pause } from '../runtime/pause.ts'
import type { Scheduler } from '../runtime/ports.ts'
import type { ClusterHost } from './host.ts'
import type { KnownPeers } from './known-peers.ts'

/** Milliseconds that others have to answer before they are asked again; twice as long each time. */
const firstTurn = 500

export interface LookupInit {
  host: ClusterHost
  known: KnownPeers
  scheduler: Scheduler
}

/**
 * Resolves when an address of the peer is known, or when the peer itself has connected. Rejects with the signal's reason.
 *
 * Others are asked again and again: two that join a cluster at one time hear of each other before anybody can tell where
 * they are. A lookup that comes too early also does not end by itself, for it waits for peers of the public DHT, which a
 * private network has none of.
 */
export async function locate(id: PeerId, init: LookupInit, signal: AbortSignal): Promise<void> {
  const { host, known, scheduler } = init
  const peer = id.toString()
  const isFound = () => known.addressesOf(peer).length > 0 || host.getConnections(id).length > 0
  for (let ms = firstTurn; !isFound(); ms *= 2) {
    using turn = new Deadline(scheduler, ms, { signal })
    try {
      const { multiaddrs } = await host.peerRouting.findPeer(id, { signal: turn.signal })
      known.learn(peer, multiaddrs.map(String))
    } catch {
      // Not found, or not in time.
    }
    if (!isFound()) await pause(scheduler, ms, turn.signal)
    signal.throwIfAborted()
  }
}
