/**
 * What clients were told, and what follows from it for the pinset in the end. The pinset is a set in which additions win:
 * an unpin takes away what its peer knows at that moment, and nothing else. So not every history has one right end, but
 * each has ends that are wrong.
 */
import type { CID } from 'multiformats/cid'
import type { UserChange } from '../../core/runtime/store.ts'

export interface Operation {
  readonly id: number
  readonly peer: string
  readonly changes: readonly UserChange[]
  /** Moments on the model's own clock. */
  readonly began: number
  ended: number | undefined
  /** `lost`: its peer was killed before it answered, so it may have happened or not. */
  outcome: 'running' | 'acknowledged' | 'refused' | 'lost'
  /** The block that carries it, once it is acknowledged. */
  block: CID | undefined
}

/** One change of one key, with the moments between which it took effect, if it did. */
interface KeyChange {
  kind: 'pin' | 'unpin'
  peer: string
  began: number
  ended: number
  sure: boolean
}

export class Model {
  readonly #operations: Operation[] = []
  #moment = 0

  get operations(): readonly Operation[] {
    return this.#operations
  }

  begin(peer: string, changes: readonly UserChange[]): Operation {
    const operation: Operation = {
      id: this.#operations.length + 1,
      peer,
      changes,
      began: ++this.#moment,
      ended: undefined,
      outcome: 'running',
      block: undefined,
    }
    this.#operations.push(operation)
    return operation
  }

  acknowledge(operation: Operation, block: CID | undefined): void {
    this.#end(operation, 'acknowledged')
    operation.block = block
  }

  refuse(operation: Operation): void {
    this.#end(operation, 'refused')
  }

  /** The peer was killed: what ran there has no answer. */
  lose(peer: string): void {
    for (const operation of this.#operations) {
      if (operation.peer === peer && operation.outcome === 'running') this.#end(operation, 'lost')
    }
  }

  /** Blocks that `peer` acknowledged. */
  acknowledgedBlocks(peer?: string): CID[] {
    return this.#operations.flatMap((operation) =>
      operation.block !== undefined && (peer === undefined || operation.peer === peer)
        ? [operation.block]
        : [],
    )
  }

  /** Keys that any operation touched. */
  keys(): string[] {
    const keys = this.#operations.flatMap(({ changes }) => changes.map((change) => keyOfChange(change)))
    return [...new Set(keys)].sort()
  }

  /** `either` where the history allows both. */
  fate(key: string): 'present' | 'absent' | 'either' {
    const changes = this.#changesOf(key)
    const pins = changes.filter(({ kind }) => kind === 'pin')
    const unpins = changes.filter(({ kind }) => kind === 'unpin')
    // No unpin that could have known of it can have taken it away.
    if (pins.some((pin) => pin.sure && unpins.every((unpin) => unpin.ended < pin.began))) return 'present'
    // An unpin on the same peer, begun after it, knew of it.
    const isGone = (pin: KeyChange) =>
      unpins.some((unpin) => unpin.sure && unpin.peer === pin.peer && unpin.began > pin.ended)
    return pins.every(isGone) ? 'absent' : 'either'
  }

  /** Names that the pin of a key may have in the end. */
  names(key: string): Set<string> {
    const names = new Set<string>()
    for (const { changes, outcome } of this.#operations) {
      if (outcome === 'refused') continue
      for (const change of changes) {
        if (change.kind === 'pin' && keyOfChange(change) === key) names.add(change.pin.name)
      }
    }
    return names
  }

  #changesOf(key: string): KeyChange[] {
    return this.#operations.flatMap(({ changes, outcome, peer, began, ended }) => {
      if (outcome === 'refused') return []
      // Changes of one operation are applied in their order.
      const ofKey = changes.filter((change) => keyOfChange(change) === key)
      const last = ofKey.at(-1)
      if (last === undefined) return []
      return [{ kind: last.kind, peer, began, ended: ended ?? Infinity, sure: outcome === 'acknowledged' }]
    })
  }

  #end(operation: Operation, outcome: Operation['outcome']): void {
    if (operation.outcome !== 'running') throw new Error(`operation ${operation.id} ended twice`)
    operation.outcome = outcome
    operation.ended = ++this.#moment
  }
}

export function keyOfChange(change: UserChange): string {
  return (change.kind === 'pin' ? change.pin.cid : change.cid).toString()
}
