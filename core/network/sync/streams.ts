/** Sync on the cluster's host: serves it to others, and opens streams to those that speak it. */
import type { IdentifyResult, PeerId } from '@libp2p/interface'
import type { PeerIdText } from '../../pin/pin.ts'
import type { Runtime } from '../../runtime/ports.ts'
import type { Connections } from '../connections.ts'
import type { History } from '../history.ts'
import type { ClusterHost } from '../host.ts'
import { rpcStream } from '../rpc/libp2p-stream.ts'
import { SyncClient } from './client.ts'
import type { SessionStore } from './client-session.ts'
import { syncProtocol } from './protocol.ts'
import { SyncServer } from './server.ts'

export interface SyncInit {
  host: ClusterHost
  connections: Connections
  store: SessionStore
  isTrusted: (peer: PeerIdText) => boolean
  runtime: Runtime
}

/** Sessions of one connection at a time, each way. */
const maxStreams = 4

/** Answers others from now on; the host need not be started. */
export async function serveSync({
  host,
  store,
  runtime,
}: Pick<SyncInit, 'host' | 'store' | 'runtime'>): Promise<void> {
  const server = new SyncServer({ store, runtime })
  await host.handle(
    syncProtocol,
    (stream, connection) => void server.serve(rpcStream(stream), connection.remotePeer.toString()),
    { maxInboundStreams: maxStreams, maxOutboundStreams: maxStreams },
  )
}

export function openHistory({
  host,
  connections,
  store,
  isTrusted,
  runtime,
}: SyncInit): History & Disposable {
  /** Connected peers that do not speak it. */
  const mute = new Set<PeerIdText>()
  const onDisconnect = ({ detail }: CustomEvent<PeerId>) => void mute.delete(detail.toString())
  host.addEventListener('peer:disconnect', onDisconnect)
  const client = new SyncClient({
    store,
    scheduler: runtime.scheduler,
    speaks: (peer) => !mute.has(peer) && connections.peers().includes(peer),
    async open(peer, signal) {
      try {
        return rpcStream(
          await connections.openStream(peer, syncProtocol, { signal, maxOutboundStreams: maxStreams }),
        )
      } catch (error) {
        if (error instanceof Error && error.name === 'UnsupportedProtocolError') mute.add(peer)
        throw error
      }
    },
  })
  return Object.assign(client, {
    onPeer(listener: (peer: PeerIdText) => void) {
      const onIdentify = ({ detail: { peerId, protocols } }: CustomEvent<IdentifyResult>) => {
        const peer = peerId.toString()
        if (protocols.includes(syncProtocol) && isTrusted(peer)) listener(peer)
      }
      host.addEventListener('peer:identify', onIdentify)
      return () => host.removeEventListener('peer:identify', onIdentify)
    },
    [Symbol.dispose]: () => host.removeEventListener('peer:disconnect', onDisconnect),
  })
}
