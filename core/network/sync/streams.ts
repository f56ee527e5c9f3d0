/** Sync on the cluster's host: serves it to others, and opens streams to those that speak it. */
import type { SubscriptionChangeData } from '@chainsafe/libp2p-gossipsub'
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
  /** That of heads. A peer of a cluster of another name has another one, and its pins are none of ours. */
  topic: string
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
}: Pick<SyncInit, 'host' | 'store' | 'runtime'>): Promise<Pick<SyncServer, 'sessions'>> {
  const server = new SyncServer({ store, runtime })
  await host.handle(
    syncProtocol,
    (stream, connection) => void server.serve(rpcStream(stream), connection.remotePeer.toString()),
    { maxInboundStreams: maxStreams, maxOutboundStreams: maxStreams },
  )
  return server
}

export function openHistory({
  host,
  connections,
  store,
  topic,
  isTrusted,
  runtime,
}: SyncInit): History & Disposable {
  const { pubsub } = host.services
  /** Connected peers that do not speak it, and those that said that they do. */
  const mute = new Set<PeerIdText>()
  const speakers = new Set<PeerIdText>()
  const onDisconnect = ({ detail }: CustomEvent<PeerId>) => {
    mute.delete(detail.toString())
    speakers.delete(detail.toString())
  }
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
      const tell = (peer: PeerIdText) => {
        if (speakers.has(peer) && isTrusted(peer)) listener(peer)
      }
      const onIdentify = ({ detail: { peerId, protocols } }: CustomEvent<IdentifyResult>) => {
        if (!protocols.includes(syncProtocol)) return
        speakers.add(peerId.toString())
        if (pubsub.getSubscribers(topic).some((peer) => peer.equals(peerId))) tell(peerId.toString())
      }
      const onSubscription = ({ detail: { peerId, subscriptions } }: CustomEvent<SubscriptionChangeData>) => {
        if (subscriptions.some((each) => each.topic === topic && each.subscribe)) tell(peerId.toString())
      }
      host.addEventListener('peer:identify', onIdentify)
      pubsub.addEventListener('subscription-change', onSubscription)
      return () => {
        host.removeEventListener('peer:identify', onIdentify)
        pubsub.removeEventListener('subscription-change', onSubscription)
      }
    },
    [Symbol.dispose]: () => host.removeEventListener('peer:disconnect', onDisconnect),
  })
}
