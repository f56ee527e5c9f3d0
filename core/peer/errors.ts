/** Clients of the original read this text too. */
export class PeerRemovalError extends Error {
  override readonly name = 'PeerRemovalError'

  constructor() {
    super('crdt consensus component cannot remove peers')
  }
}

/** Clients of the original read this text, so it stays word for word (`spec/behaviour.md` §1.2). */
export class FollowerError extends Error {
  override readonly name = 'FollowerError'

  constructor() {
    super('this peer is configured to be in follower mode. Write operations are disabled')
  }
}
