/**
 * What clients were told, and what follows from it for the pinset in the end. The pinset is a set in which additions win:
 * an unpin takes away what its peer knows at that moment, and nothing else. So not every history has one right end, but
 * each has ends that are wrong.
 */
import type { CID } from 'multiformats/cid'

/** What a client asks for. */
export type Asked =
  | {
      kind: 'pin'
      cid: CID
      /** Tells the pin apart from all others, unless it is asked for again. */
      name: string
      isAgain: boolean
      /** As far as the client knows. */
      mayExpire: boolean
    }
  | { kind: 'unpin'; cid: CID }

export interface Operation {
  /** Its number in the plan. */
  readonly index: number
  readonly peer: string
  readonly asked: Asked
  /** Moments on the model's own clock. */
  readonly began: number
  ended: number | undefined
  /** `lost`: its peer was killed before it answered, so it may have happened or not. */
  outcome: 'running' | 'acknowledged' | 'unchanged' | 'refused' | 'lost'
  /** The block that carries it, once it is acknowledged. */
  block: CID | undefined
}

export class Model {
  readonly #operations: Operation[] = []
  readonly #blocks = new Map<string, CID[]>()
  readonly #gone = new Set<string>()
  #moment = 0

  get operations(): readonly Operation[] {
    return this.#operations
  }

  begin(index: number, peer: string, asked: Asked): Operation {
    const began = ++this.#moment
    const operation: Operation = {
      index,
      peer,
      asked,
      began,
      ended: undefined,
      outcome: 'running',
      block: undefined,
    }
    this.#operations.push(operation)
    return operation
  }

  /** `block` is undefined for what was written and taken back by another client in the same moment. */
  acknowledge(operation: Operation, block: CID | undefined): void {
    this.#end(operation, 'acknowledged')
    operation.block = block
    const { peer } = operation
    if (block === undefined) return
    this.#blocks.set(peer, [...(this.#blocks.get(peer) ?? []), block])
  }

  /** There was nothing to write: all is as asked already. */
  leave(operation: Operation): void {
    this.#end(operation, 'unchanged')
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

  /** The peer is lost with its disk: what it alone knew is gone. */
  bury(peer: string): void {
    this.#gone.add(peer)
  }

  /** Blocks that `peer` acknowledged. */
  acknowledgedBlocks(peer: string): readonly CID[] {
    return this.#blocks.get(peer) ?? []
  }

  /** Blocks that peers acknowledged, and whether their peer is still there. */
  allAcknowledgedBlocks(): { block: CID; isSafe: boolean }[] {
    return [...this.#blocks].flatMap(([peer, blocks]) =>
      blocks.map((block) => ({ block, isSafe: !this.#gone.has(peer) })),
    )
  }

  /** Keys that any operation touched. */
  keys(): string[] {
    return [...new Set(this.#operations.map(({ asked }) => asked.cid.toString()))].sort()
  }

  /** `either` where the history allows both. */
  fate(key: string): 'present' | 'absent' | 'either' {
    const changes = this.#operations.filter(
      ({ asked, outcome }) =>
        asked.cid.toString() === key && outcome !== 'refused' && outcome !== 'unchanged',
    )
    const pins = changes.filter(({ asked }) => asked.kind === 'pin')
    const unpins = changes.filter(({ asked }) => asked.kind === 'unpin')
    const isSure = ({ outcome, peer }: Operation) => outcome === 'acknowledged' && !this.#gone.has(peer)
    // An expiry takes away all that is known then, like an unpin.
    const mayExpire = pins.some(({ asked }) => asked.kind === 'pin' && asked.mayExpire)
    // No unpin that could have known of it can have taken it away.
    const stays = (pin: Operation) => unpins.every((unpin) => endOf(unpin) < pin.began)
    if (!mayExpire && pins.some((pin) => isSure(pin) && stays(pin))) return 'present'
    // An unpin on the same peer, begun after it, knew of it.
    const isGone = (pin: Operation) =>
      unpins.some((unpin) => isSure(unpin) && unpin.peer === pin.peer && unpin.began > endOf(pin))
    return pins.every(isGone) ? 'absent' : 'either'
  }

  /** Names that the pin of a key may have in the end. */
  names(key: string): Set<string> {
    const names = new Set<string>()
    for (const { asked, outcome } of this.#operations) {
      if (outcome === 'refused' || asked.kind !== 'pin' || asked.cid.toString() !== key) continue
      names.add(asked.name)
    }
    return names
  }

  /** Names of pins that were written more than once. */
  namesWrittenAgain(): Set<string> {
    const names = new Set<string>()
    for (const { asked, outcome } of this.#operations) {
      if (asked.kind === 'pin' && asked.isAgain && outcome !== 'refused' && outcome !== 'unchanged')
        names.add(asked.name)
    }
    return names
  }

  #end(operation: Operation, outcome: Operation['outcome']): void {
    if (operation.outcome !== 'running') throw new Error(`operation ${operation.index} ended twice`)
    operation.outcome = outcome
    operation.ended = ++this.#moment
  }
}

function endOf({ ended }: Operation): number {
  return ended ?? Number.POSITIVE_INFINITY
}
