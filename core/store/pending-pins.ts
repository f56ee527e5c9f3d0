/** Writes that wait for their commit, as later requests must see them. */
import type { CID } from 'multiformats/cid'
import type { Pin } from '../pin/pin.ts'
import type { KeyChangeRequest } from './jobs.ts'
import { isStoredAs, readPin } from './pin-value.ts'
import type { KeyBytes } from './tables.ts'

export class PendingPins {
  /** The waiting changes of each key in their order, from the newest on that does not depend on those before it. */
  readonly #waiting = new Map<string, KeyChangeRequest[]>()

  add(changes: KeyChangeRequest[]): void {
    for (const change of changes) {
      const name = nameOf(change.key)
      const before = isConditional(change) ? this.#waiting.get(name) : undefined
      if (before === undefined) this.#waiting.set(name, [change])
      else before.push(change)
    }
  }

  /** To be called when the changes are stored, or never will be. */
  remove(changes: KeyChangeRequest[]): void {
    for (const change of changes) {
      const name = nameOf(change.key)
      const waiting = this.#waiting.get(name) ?? []
      const at = waiting.indexOf(change)
      if (at >= 0) waiting.splice(at, 1)
      if (waiting.length === 0) this.#waiting.delete(name)
    }
  }

  /** The pin after all that waits for the CID. `committed` reads the one that is stored, if that matters. */
  pin(cid: CID, committed: () => Pin | undefined): Pin | undefined {
    if (this.#waiting.size === 0) return committed()
    const waiting = this.#waiting.get(nameOf(cid.bytes))
    if (waiting === undefined) return committed()
    const [first] = waiting
    const before = first !== undefined && isConditional(first) ? committed() : undefined
    return waiting.reduce(pinAfter, before)
  }
}

/** Text that tells keys apart, one character a byte. */
function nameOf(key: KeyBytes): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')
}

function isConditional({ kind }: KeyChangeRequest): boolean {
  return kind !== 'pin' && kind !== 'unpin'
}

function pinAfter(before: Pin | undefined, change: KeyChangeRequest): Pin | undefined {
  switch (change.kind) {
    case 'pin':
      return readPin(change.key, change.value)
    case 'unpin':
      return undefined
    case 'reallocate':
      return isStoredAs(before, change.from) ? readPin(change.key, change.value) : before
    case 'expire':
      return isStoredAs(before, change.from) ? undefined : before
    case 'withdraw':
      // Whoever depends on it asks the store whether the pin may be withdrawn.
      return before
  }
}
