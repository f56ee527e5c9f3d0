/** What kind of failure an answer reports (`spec/wire.md` §6.2). */
export const errorKinds = { method: 0, server: 1, client: 2, authorization: 3 } as const
export type RpcErrorKind = keyof typeof errorKinds

/** An error that the other side answered with. `kind` tells a failed method from a call that was never run. */
export class RpcError extends Error {
  override readonly name = 'RpcError'
  readonly kind: RpcErrorKind

  constructor(message: string, kind: RpcErrorKind) {
    super(message)
    this.kind = kind
  }
}

/** The stream broke or carried what is not RPC; nothing is known of the method's effect. */
export class RpcStreamError extends Error {
  override readonly name = 'RpcStreamError'
}
