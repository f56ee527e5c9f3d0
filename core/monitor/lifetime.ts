/**
 * How long a metric holds, by the time of whoever got it. A metric says until when it holds on the clock of its sender; a
 * clock that is wrong would make a living peer look dead, or a dead one alive for hours (`spec/behaviour.md` §3.1). So what
 * it claims is held against the rhythm in which the metrics of that name and peer arrive: their senders make a new one after
 * half of its time.
 */

/** Milliseconds that a metric may hold before a rhythm is known. */
const unprovenLifetime = 600_000
/** Milliseconds of a claim that are believed whatever the rhythm says. */
export const believedLifetime = 120_000
/** Milliseconds of a pause that count into the rhythm. */
const longestGap = 300_000
/** Pauses that are remembered. */
const rememberedGaps = 8
/** A metric holds for at least this many times the rhythm, and at most the other. */
const leastBeats = 2
const mostBeats = 4
/** Milliseconds of a pause that are expected whatever the last metric claimed: a clock that is late claims too little. */
const leastExpected = 60_000
/** Times of its life after which the next metric of a peer that is only slow has come. */
const lateBeats = 2

/** Pauses after which the rhythm is known; before, several metrics at once look like a quick one. */
const leastGaps = 3

/** What is known of the arrivals of one metric of one peer. */
export class Rhythm {
  readonly #usual: number
  /** Milliseconds, the newest last. */
  #gaps: number[] = []
  /** `expected`: the longest pause after it that its peer needs no excuse for. */
  #last: { arrivedAt: number; expire: bigint; expected: number } | undefined

  /** `usual`: milliseconds that news of a sender whose clock is late holds at least while its rhythm is not known. */
  constructor(usual: number) {
    this.#usual = usual
  }

  /**
   * Takes an arrival at `now`, of a metric that claims to hold for `claim` from then until `expire` on the sender's clock.
   * Returns for how long it holds; 0 = not at all. Milliseconds, but for `expire` in nanoseconds since the epoch.
   */
  arrival(now: number, claim: number, expire: bigint): number {
    const last = this.#last
    const gap = now - (last?.arrivedAt ?? now)
    // After more than was expected it was away, which says nothing about its rhythm.
    if (last !== undefined && gap <= last.expected)
      this.#gaps = [...this.#gaps, Math.min(gap, longestGap)].slice(-rememberedGaps)
    // One that is no newer than the last may be an old one that was sent again: it proves nothing but what it claims.
    const isNews = last !== undefined && expire > last.expire
    const lifetime = this.#lifetime(claim, isNews)
    const expected =
      lifetime === 0 ? Number.POSITIVE_INFINITY : Math.max(lateBeats * lifetime, claim, leastExpected)
    this.#last = { arrivedAt: now, expire, expected }
    return lifetime
  }

  #lifetime(claim: number, isNews: boolean): number {
    const beat = this.#beat()
    if (beat === undefined) return clamp(claim, 0, unprovenLifetime)
    const isUnproven = claim <= 0 && this.#gaps.length < leastGaps
    const least = isNews ? Math.max(leastBeats * beat, isUnproven ? this.#usual : 0) : 0
    return clamp(claim, least, Math.max(least, mostBeats * beat, believedLifetime))
  }

  /** The longest usual pause: one that is longer than all others may be that of a peer that was away. */
  #beat(): number | undefined {
    const longest = this.#gaps.toSorted((a, b) => b - a)
    return longest.length < leastGaps ? longest[0] : longest[1]
  }
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most)
}
