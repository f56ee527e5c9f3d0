/**
 * Gives the event loop a turn during long walks. Small blocks are read without waiting for anything, so a walk that never
 * pauses keeps timers, sockets and signals from being looked at.
 *
 * Costs are counted and not timed: one link or one entry costs 1, about 10 µs.
 */

/** Cost between two turns: about 2.5 ms. */
const costPerTurn = 256
/** Bytes that are hashed or scanned for the cost of 1. */
const bytesPerCost = 4 * 1024

export class Turns {
  #left = costPerTurn
  #turn: Promise<void> | undefined

  /** Undefined while nothing has to wait, so that callers pay for a promise only when there is one. */
  spend(cost = 1): Promise<void> | undefined {
    if (this.#left <= 0) return this.#wait(cost)
    this.#left -= cost
    return undefined
  }

  spendBytes(bytes: number): Promise<void> | undefined {
    return this.spend(1 + Math.floor(bytes / bytesPerCost))
  }

  /** Those who wait for a turn share what it brings: when the first ones use it up, the others wait for the next. */
  async #wait(cost: number): Promise<void> {
    do {
      this.#turn ??= nextTurn().then(() => {
        this.#left = costPerTurn
        this.#turn = undefined
      })
      await this.#turn
    } while (this.#left <= 0)
    this.#left -= cost
  }
}

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
