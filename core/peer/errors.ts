/** Clients of the original read these texts, so they stay word for word (`spec/behaviour.md` §1.2, §1.8). */

export class FollowerError extends Error {
  override readonly name = 'FollowerError'

  constructor() {
    super('this peer is configured to be in follower mode. Write operations are disabled')
  }
}

export class UnpinRefusedError extends Error {
  override readonly name = 'UnpinRefusedError'

  constructor(what: 'a shard' | 'a Cluster DAG') {
    super(`cannot unpin ${what} directly. Unpin content root CID instead`)
  }
}
