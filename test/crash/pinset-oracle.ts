/**
 * What a peer has promised about CIDs: the last acknowledged change of each, and the changes that were asked for and never
 * answered, of which any may have happened.
 */
export type Wanted = 'pinned' | 'unpinned'

interface Promised {
  acknowledged: Wanted
  /** Asked for after the last acknowledged change, without an answer. */
  open: Wanted[]
}

export class PinsetOracle {
  readonly #promised = new Map<string, Promised>()

  asked(cid: string, wanted: Wanted): void {
    this.#of(cid).open.push(wanted)
  }

  answered(cid: string, wanted: Wanted): void {
    const promised = this.#of(cid)
    promised.acknowledged = wanted
    promised.open = []
  }

  /** The peer refused: nothing happened. */
  refused(cid: string): void {
    this.#of(cid).open.pop()
  }

  cids(): string[] {
    return [...this.#promised.keys()]
  }

  /** Changes acknowledged so far that a pinset of `pinned` does not have; empty = every promise is kept. */
  broken(pinned: ReadonlySet<string>): string[] {
    const broken: string[] = []
    for (const [cid, { acknowledged, open }] of this.#promised) {
      const is: Wanted = pinned.has(cid) ? 'pinned' : 'unpinned'
      if (is !== acknowledged && !open.includes(is))
        broken.push(`${cid} is ${is}, acknowledged was ${acknowledged}`)
    }
    for (const cid of pinned)
      if (!this.#promised.has(cid)) broken.push(`${cid} is pinned and was never asked for`)
    return broken
  }

  /** Takes what is there as the new ground: what was open is now known. */
  settle(pinned: ReadonlySet<string>): void {
    for (const [cid, promised] of this.#promised) {
      promised.acknowledged = pinned.has(cid) ? 'pinned' : 'unpinned'
      promised.open = []
    }
  }

  #of(cid: string): Promised {
    let promised = this.#promised.get(cid)
    if (promised === undefined) {
      promised = { acknowledged: 'unpinned', open: [] }
      this.#promised.set(cid, promised)
    }
    return promised
  }
}
