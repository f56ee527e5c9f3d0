export class NotEnoughPeersError extends Error {
  override readonly name = 'NotEnoughPeersError'
  readonly needed: number
  readonly wanted: number
  readonly available: number

  /** Clients of the original read this text, so it stays word for word (`spec/behaviour.md` §2.1). */
  constructor(needed: number, wanted: number, available: number) {
    super(
      `not enough peers to allocate CID. Needed at least: ${needed}. Wanted at most: ${wanted}. ` +
        `Available candidates: ${available}. See logs for more info.`,
    )
    this.needed = needed
    this.wanted = wanted
    this.available = available
  }
}
