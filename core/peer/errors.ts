import type { PeerIdText } from '../pin/pin.ts'

/** A peer was removed, and some of its pins stay with it. */
export class PinsStayError extends Error {
  override readonly name = 'PinsStayError'

  constructor(peer: PeerIdText, pins: number, why: string) {
    super(
      `${peer} was removed, but ${pins} of its pins stay with it: ${why} Add peers, or lower the replication factors, and ` +
        'remove it again',
    )
  }
}

/** Nobody knows the peer that is to be removed; nothing was changed. APIs answer 404. */
export class UnknownPeerError extends Error {
  override readonly name = 'UnknownPeerError'

  constructor(peer: PeerIdText) {
    super(
      `${peer} is no member of this cluster: no ping of it came within the last hour, and no pin is allocated to it. ` +
        'See the members with `cluster peers ls`',
    )
  }
}

/** As many peers are remembered as removed as can be. */
export class TooManyRemovedError extends Error {
  override readonly name = 'TooManyRemovedError'

  constructor(limit: number) {
    super(`${limit} peers are removed already; take some of them in again with \`cluster peers add\``)
  }
}

/** The blocks that a path leads through did not come in time. */
export class PathTimeoutError extends Error {
  override readonly name = 'PathTimeoutError'

  constructor(what: string, ms: number) {
    super(
      `${what.slice(0, 200)} could not be resolved within ${ms / 60_000} minutes: nobody sent its blocks; see that a node ` +
        'that has them is connected, and try again',
    )
  }
}

/** Clients of the original read this text, so it stays word for word (`spec/behaviour.md` §1.2). */
export class FollowerError extends Error {
  override readonly name = 'FollowerError'

  constructor() {
    super('this peer is configured to be in follower mode. Write operations are disabled')
  }
}

/** A peer gives more rows about pins than there can be. */
export class TooManyRowsError extends Error {
  override readonly name = 'TooManyRowsError'

  constructor(peer: PeerIdText, rows: number, bytes: number) {
    super(
      `peer ${peer} gave ${rows} rows of ${bytes} bytes about pins, more than there can be; what it gave is shown, the rest ` +
        'was not taken',
    )
  }
}
