/**
 * Notes what was not taken on connections that are open: streams whose protocol gave up on what came, connections whose
 * multiplexing did, and pubsub messages without a sound signature or form. The protocols are libraries, which tell of it in
 * their own logs only.
 */
import type { GossipSub } from '@chainsafe/libp2p-gossipsub'
import type { Connection, Stream, StreamCloseEvent } from '@libp2p/interface'
import { messageOf } from '../error-text.ts'
import type { Refusals } from './refusals.ts'

/** As much of the host as is looked at. */
export interface OpenConnections {
  getConnections(): Connection[]
  addEventListener(type: 'connection:open', listener: (event: CustomEvent<Connection>) => void): void
}

/** The other side was slow, or this one has stopped waiting, or was about to end it anyway. */
const ownEnds = new Set(['TimeoutError', 'AbortError', 'StreamStateError'])
/** The other side went away. */
const goneCodes = new Set(['ECONNRESET', 'EPIPE'])
/** In the library's words: a stream that ended after a whole message, and the second of two connections made at one time. */
const soundEnds = ['stream closed while reading 0/', 'Duplicate multiaddr connection']

/** True of an end that says nothing of what came. */
function isHarmless(error: Error & { code?: string }): boolean {
  const { name, code = '', message } = error
  return ownEnds.has(name) || goneCodes.has(code) || soundEnds.some((text) => message.includes(text))
}

/** `stream`: of another peer, as soon as its protocol is known. */
export function watchStream(stream: Stream, host: OpenConnections, refusals: Refusals): void {
  if (stream.direction !== 'inbound') return
  const connection = host.getConnections().find(({ streams }) => streams.includes(stream))
  stream.addEventListener('close', ({ local, error }: StreamCloseEvent) => {
    if (local !== true || error === undefined || isHarmless(error)) return
    // With the connection, all of its streams end.
    queueMicrotask(() => {
      if (connection?.status !== 'open') return
      refusals.note('broken stream', connection.remotePeer.toString(), `${stream.protocol}: ${error.message}`)
    })
  })
}

export function watchConnections(host: OpenConnections, refusals: Refusals): void {
  host.addEventListener('connection:open', ({ detail: connection }) => {
    connection.addEventListener('close', ({ local, error }: StreamCloseEvent) => {
      if (local !== true || error === undefined || isHarmless(error)) return
      refusals.note('broken connection', connection.remotePeer.toString(), error.message)
    })
  })
}

/** The doors by which the library's router refuses. */
interface Router {
  decodeRpc(bytes: Uint8Array): unknown
  score: { rejectInvalidMessage(from: string, topic: string): void }
}

export function watchPubsub(pubsub: GossipSub, refusals: Refusals): void {
  const router = pubsub as unknown as Router
  const decode = router.decodeRpc.bind(router)
  router.decodeRpc = (bytes) => {
    try {
      return decode(bytes)
    } catch (error) {
      refusals.note('broken pubsub message', 'a peer', messageOf(error))
      throw error
    }
  }
  const { score } = router
  const reject = score.rejectInvalidMessage.bind(score)
  score.rejectInvalidMessage = (from, topic) => {
    refusals.note('broken pubsub message', from, `no sound signature by whom it says it is of, on ${topic}`)
    reject(from, topic)
  }
}
