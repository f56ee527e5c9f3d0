/** Calls of other peers over the cluster's host: a connection, a stream, a deadline (`spec/wire.md` §6.1). */
import type { Stream } from '@libp2p/interface'
import { messageOf } from '../error-text.ts'
import type { PeerIdText } from '../pin/pin.ts'
import { Deadline } from '../runtime/deadline.ts'
import type { Scheduler } from '../runtime/ports.ts'
import type { Connections } from './connections.ts'
import {
  PeerSilentError,
  PeerUnreachableError,
  ProtocolUnsupportedError,
  SecretMismatchError,
} from './errors.ts'
import type { ClusterHost } from './host.ts'
import { callStream, callUnary } from './rpc/client.ts'
import { rpcStream } from './rpc/libp2p-stream.ts'
import type { StreamMethod, UnaryMethod } from './rpc/method.ts'
import { type AnyHandler, RpcServer, type RpcServerInit } from './rpc/server.ts'
import { WaitingRoom } from './rpc/waiting-room.ts'

export const rpcProtocol = '/ipfscluster/1.0/rpc'

/** Calls of one connection that are under way, each way. */
const maxCalls = 256

export interface RemoteCallLimits {
  signal?: AbortSignal
  /** Milliseconds for the whole call; none when absent. Reaching the peer has its own (`dial_peer_timeout`). */
  timeout?: number
  /** Milliseconds that a stream may go without a value while one is waited for; no limit when absent. */
  stallTimeout?: number
}

export class RemoteCalls {
  readonly #connections: Connections
  readonly #scheduler: Scheduler

  constructor(connections: Connections, scheduler: Scheduler) {
    this.#connections = connections
    this.#scheduler = scheduler
  }

  /**
   * Rejects with `RpcError` for an error of the other peer, `PeerUnreachableError`, `SecretMismatchError` or
   * `PeerSilentError` when it cannot be had in time, `ProtocolUnsupportedError` when it does not know methods of this kind,
   * `RpcStreamError` or `MsgpackError` for a broken answer, and with the
   * signal's reason.
   */
  async call<A, R>(
    peer: PeerIdText,
    method: UnaryMethod<A, R>,
    argument: A,
    limits: RemoteCallLimits = {},
  ): Promise<R> {
    using deadline = this.#deadline(peer, method.name, limits)
    const stream = await this.#open(peer, method, deadline.signal)
    return await callUnary(rpcStream(stream), method, argument, deadline.signal)
  }

  /** As `call`, for methods that answer with many values. Leaving the loop early cancels the call. */
  async *stream<A, R>(
    peer: PeerIdText,
    method: StreamMethod<A, R>,
    values: Iterable<A> | AsyncIterable<A>,
    limits: RemoteCallLimits = {},
  ): AsyncGenerator<R> {
    const { signal, stallTimeout } = limits
    const stall = new AbortController()
    const signals = signal === undefined ? stall.signal : AbortSignal.any([signal, stall.signal])
    using deadline = this.#deadline(peer, method.name, { ...limits, signal: signals })
    const stream = await this.#open(peer, method, deadline.signal)
    const answers = callStream(rpcStream(stream), method, values, deadline.signal)
    const next = async () => {
      if (stallTimeout === undefined) return await answers.next()
      const late = new PeerSilentError(peer, method.name, stallTimeout)
      const timer = this.#scheduler.after(stallTimeout, () => stall.abort(late))
      try {
        return await answers.next()
      } finally {
        timer.cancel()
      }
    }
    try {
      for (let answer = await next(); answer.done !== true; answer = await next()) yield answer.value
    } finally {
      await answers.return(undefined)
    }
  }

  async #open(
    peer: PeerIdText,
    { protocol = rpcProtocol }: { protocol?: string },
    signal: AbortSignal,
  ): Promise<Stream> {
    try {
      return await this.#connections.openStream(peer, protocol, { signal, maxOutboundStreams: maxCalls })
    } catch (cause) {
      signal.throwIfAborted()
      if (cause instanceof Error && cause.name === 'UnsupportedProtocolError') {
        throw new ProtocolUnsupportedError(peer, protocol, { cause })
      }
      if (cause instanceof PeerUnreachableError || cause instanceof SecretMismatchError) throw cause
      throw new PeerUnreachableError(peer, messageOf(cause), { cause })
    }
  }

  #deadline(peer: PeerIdText, method: string, { signal, timeout }: RemoteCallLimits): Deadline {
    const late = () => new PeerSilentError(peer, method, timeout ?? 0)
    return new Deadline(this.#scheduler, timeout, { signal, late })
  }
}

/** What others have begun and not ended. */
export interface ServedCalls {
  /** Calls that are under way. */
  readonly calls: number
  /** Bytes of values that have not all come. */
  readonly bytes: number
}

/** Answers the calls of others from now on. */
export async function serveCalls(
  host: ClusterHost,
  handlers: AnyHandler[],
  init: Omit<RpcServerInit, 'handlers' | 'room'>,
): Promise<ServedCalls> {
  const room = new WaitingRoom()
  const servers: RpcServer[] = []
  const protocols = new Set([rpcProtocol, ...handlers.map(protocolOf)])
  for (const protocol of protocols) {
    const served = handlers.filter((handler) => protocolOf(handler) === protocol)
    const server = new RpcServer({ ...init, room, handlers: served })
    servers.push(server)
    await host.handle(
      protocol,
      (stream, connection) => void server.serve(rpcStream(stream), connection.remotePeer.toString()),
      { maxInboundStreams: maxCalls, maxOutboundStreams: maxCalls },
    )
  }
  return {
    get calls() {
      return servers.reduce((calls, server) => calls + server.calls, 0)
    },
    get bytes() {
      return room.bytes
    },
  }
}

function protocolOf({ method }: AnyHandler): string {
  return method.protocol ?? rpcProtocol
}
