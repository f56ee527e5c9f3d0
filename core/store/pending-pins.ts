/** Writes that wait for their commit, as later requests must see them. */
import type { CID } from 'multiformats/cid'
import type { Pin } from '../pin/pin.ts'
import type { KeyChangeRequest } from './jobs.ts'
import { cidOfKey } from './keys.ts'
import { readPin } from './pin-value.ts'

export class PendingPins {
  /** The newest waiting change of each CID. */
  readonly #newest = new Map<string, KeyChangeRequest>()

  add(changes: KeyChangeRequest[]): void {
    for (const change of changes) this.#newest.set(cidOfKey(change.key).toString(), change)
  }

  /** To be called when the changes are stored, or never will be. */
  remove(changes: KeyChangeRequest[]): void {
    for (const change of changes) {
      const cid = cidOfKey(change.key).toString()
      if (this.#newest.get(cid) === change) this.#newest.delete(cid)
    }
  }

  /** Undefined when nothing waits for the CID; a missing pin when an unpin does. */
  get(cid: CID): { pin: Pin | undefined } | undefined {
    const change = this.#newest.get(cid.toString())
    if (change === undefined) return undefined
    return { pin: change.value === undefined ? undefined : readPin(change.key, change.value) }
  }
}
