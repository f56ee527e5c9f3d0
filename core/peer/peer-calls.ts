/** Calls to other peers, as the parts of a peer make them; `core/network` makes them real. */
import type { StreamMethod, UnaryMethod } from '../network/rpc/method.ts'
import type { PeerIdText } from '../pin/pin.ts'

export interface CallLimits {
  signal?: AbortSignal
  /** Milliseconds; none when absent. */
  timeout?: number
  /** Milliseconds that a stream may go without a value while one is waited for; no limit when absent. */
  stallTimeout?: number
}

export interface PeerCalls {
  /** Rejects with `RpcError` for an error of the other peer, and with others when it cannot be reached in time. */
  call<A, R>(peer: PeerIdText, method: UnaryMethod<A, R>, argument: A, limits?: CallLimits): Promise<R>
  stream<A, R>(
    peer: PeerIdText,
    method: StreamMethod<A, R>,
    values: Iterable<A> | AsyncIterable<A>,
    limits?: CallLimits,
  ): AsyncIterable<R>
}
