/**
 * Errors of the IPFS backends. Each says what was asked, of which node, why it failed and what to do next; the tracker
 * reads only `reason`.
 */
import { messageOf } from '../error-text.ts'
import type { IpfsFailure, IpfsFailureReason } from '../runtime/ipfs.ts'

/** What was going on when a call failed. */
export interface IpfsCall {
  /** The call as a reader of the log would repeat it: `pin/add?arg=Qm…` on Kubo, `pin Qm…` on the embedded node. */
  what: string
  /** The node that was asked: its multiaddr, or `the embedded IPFS node`. */
  node: string
}

/** Base of all errors that an `Ipfs` rejects with. */
export abstract class IpfsError extends Error implements IpfsFailure {
  abstract override readonly name: string
  abstract readonly reason: IpfsFailureReason
  readonly call: IpfsCall

  constructor(message: string, call: IpfsCall, options?: ErrorOptions) {
    super(message, options)
    this.call = call
  }
}

/** The node cannot be talked to, or the connection was lost half-way: nothing is known about what was asked. */
export class IpfsUnreachableError extends IpfsError {
  override readonly name = 'IpfsUnreachableError'
  override readonly reason = 'unreachable'

  constructor(call: IpfsCall, why: string, options?: ErrorOptions) {
    super(
      `IPFS node ${call.node} cannot be reached (${call.what}): ${why}; start it, or correct its address in service.json`,
      call,
      options,
    )
  }
}

/**
 * The node took the call and did not answer in time. `reason` is `unreachable` where a sound node answers by itself, and
 * `failed` where the answer depends on the IPFS network.
 */
export class IpfsTimeoutError extends IpfsError {
  override readonly name = 'IpfsTimeoutError'
  override readonly reason: 'unreachable' | 'failed'

  /** `limit` in ms; `setting` names what a user may raise. */
  constructor(call: IpfsCall, limit: number, setting: string, reason: 'unreachable' | 'failed') {
    super(
      `IPFS node ${call.node} did not answer ${call.what} within ${seconds(limit)}; ` +
        (reason === 'unreachable'
          ? `it hangs or is overloaded: look at its log, or raise ${setting}`
          : `the content or name was perhaps not found on the IPFS network: try again, or raise ${setting}`),
      call,
    )
    this.reason = reason
  }
}

/** A pin for which nothing arrived for the whole stall timeout. */
export class IpfsStallError extends IpfsError {
  override readonly name = 'IpfsStallError'
  override readonly reason = 'stalled'
  /** Blocks that had arrived. */
  readonly blocks: number

  /** `stallTimeout` in ms. `missing` says, where the backend knows it, which block was waited for and where it belongs. */
  constructor(
    call: IpfsCall,
    stallTimeout: number,
    progress: { blocks: number; bytes?: number | undefined },
    missing = 'no reachable IPFS node seems to have the rest',
  ) {
    const arrived = `${progress.blocks} block${progress.blocks === 1 ? '' : 's'}`
    const bytes = progress.bytes === undefined ? '' : `, ${progress.bytes} bytes`
    super(
      `no block arrived at IPFS node ${call.node} for ${seconds(stallTimeout)} (${call.what}; ${arrived}${bytes} so ` +
        `far): ${missing}; give origins, or raise pin_timeout`,
      call,
    )
    this.blocks = progress.blocks
  }
}

/** The caller's signal ended the call, or the backend was closed. */
export class IpfsAbortedError extends IpfsError {
  override readonly name = 'IpfsAbortedError'
  override readonly reason = 'aborted'

  constructor(call: IpfsCall, cause: unknown) {
    super(`${call.what} was stopped: ${messageOf(cause)}`, call, {
      cause,
    })
  }
}

/** The node answered with an error. `detail` is what it said. */
export class IpfsRefusedError extends IpfsError {
  override readonly name = 'IpfsRefusedError'
  override readonly reason = 'failed'
  readonly detail: string

  constructor(call: IpfsCall, message: string, detail: string, options?: ErrorOptions) {
    super(message, call, options)
    this.detail = detail
  }
}

/** The node, or what is in front of it, wants to know who asks. */
export class IpfsCredentialsError extends IpfsError {
  override readonly name = 'IpfsCredentialsError'
  override readonly reason = 'failed'

  constructor(call: IpfsCall, status: number, wereSent: boolean) {
    const setting = 'ipfs_connector.ipfshttp.node_authorization'
    super(
      `IPFS node ${call.node} ` +
        (wereSent
          ? `does not let the credentials in ${setting} do ${call.what} (${status}): correct them, or allow it there`
          : `needs credentials for ${call.what} (${status}): set ${setting}, or CLUSTER_IPFSHTTP_NODEAUTHORIZATION`),
      call,
    )
  }
}

/** The node answered with something that is no answer to what was asked: not JSON, too long, another CID. */
export class IpfsAnswerError extends IpfsError {
  override readonly name = 'IpfsAnswerError'
  override readonly reason = 'failed'

  constructor(call: IpfsCall, problem: string) {
    super(
      `IPFS node ${call.node} gave an answer to ${call.what} that cannot be used: ${problem}; ` +
        'see that the address is that of an IPFS RPC API and that nothing in between changes answers',
      call,
    )
  }
}

/** A garbage collection that did not begin: it would have removed blocks that are to be pinned. */
export class IpfsBusyError extends IpfsError {
  override readonly name = 'IpfsBusyError'
  override readonly reason = 'failed'

  constructor(call: IpfsCall, why: string) {
    super(`garbage collection of IPFS node ${call.node} was not begun: ${why}`, call)
  }
}

/** The caller gave something that no IPFS node can take: a block that is too large, a path that is none. */
export class IpfsInputError extends IpfsError {
  override readonly name = 'IpfsInputError'
  override readonly reason = 'failed'
}

/** Text of a number of ms, in seconds. */
function seconds(ms: number): string {
  return `${ms / 1_000} s`
}
