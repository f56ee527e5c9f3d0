/** How a method is declared once, for the side that calls it and the side that serves it (`spec/wire.md` §7). */
import type { PeerIdText } from '../../pin/pin.ts'
import type { Codec } from './schema.ts'

/** `open`: any peer of the swarm; `trusted`: only those that this peer trusts. Closed methods are not declared at all. */
export type RpcPolicy = 'open' | 'trusted'

interface Method<Argument, Reply> {
  /** `Cluster.ID` and the like. */
  name: string
  policy: RpcPolicy
  argument: Codec<Argument>
  reply: Codec<Reply>
  /** The libp2p protocol that it is called over; that of the original when absent. */
  protocol?: string
}

export interface RpcContext {
  caller: PeerIdText
  /** Aborts when the caller goes away or cancels. */
  signal: AbortSignal
}

export interface UnaryMethod<Argument, Reply> extends Method<Argument, Reply> {
  kind: 'unary'
}

export interface StreamMethod<Argument, Reply> extends Method<Argument, Reply> {
  kind: 'stream'
}

export interface UnaryHandler<Argument, Reply> {
  method: UnaryMethod<Argument, Reply>
  /** The argument is undefined when the caller sent nil. */
  handle(argument: Argument | undefined, context: RpcContext): Promise<Reply>
}

export interface StreamHandler<Argument, Reply> {
  method: StreamMethod<Argument, Reply>
  handle(values: AsyncIterable<Argument>, context: RpcContext): AsyncIterable<Reply>
}
