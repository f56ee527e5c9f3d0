/**
 * What a store has promised: of each key the last acknowledged value and the values that were asked for since, of which any
 * may have come true; of each call with several keys that all or none of it did; and what was safely begun.
 */
import { CID } from 'multiformats/cid'
import type { StoreReader } from '../../core/store/store-reader.ts'
import { cidOf } from '../unit/store/fixtures.ts'

/** What the process under test says. A value of '' is an unpin. */
export type Line =
  | { opened: true }
  | { asked: [key: string, value: string][] }
  | { done: [key: string, value: string][] }
  | { begun: string; generation: number }

/** Keys that are always changed together. */
export const groupSize = 5

export function keyOf(name: string, index: number): string {
  return `${name}/${index}`
}

interface Promised {
  acknowledged: string
  open: string[]
}

export class StoreOracle {
  readonly #promised = new Map<string, Promised>()
  /** Generations that were begun, by CID. */
  readonly #begun = new Map<string, number>()
  #acknowledged = 0

  get acknowledged(): number {
    return this.#acknowledged
  }

  hear(line: Line): void {
    if ('asked' in line) for (const [key, value] of line.asked) this.#of(key).open.push(value)
    else if ('begun' in line) this.#begun.set(line.begun, line.generation)
    else if ('done' in line) {
      this.#acknowledged++
      for (const [key, value] of line.done) this.#promised.set(key, { acknowledged: value, open: [] })
    }
  }

  /** Promises that the store does not keep; what it has becomes the new ground. */
  settle(store: StoreReader): string[] {
    const broken = [...this.#valueFaults(store), ...this.#groupFaults(store), ...this.#begunFaults(store)]
    for (const [key, promised] of this.#promised) {
      promised.acknowledged = valueIn(store, key)
      promised.open = []
    }
    return broken
  }

  #valueFaults(store: StoreReader): string[] {
    return [...this.#promised].flatMap(([key, { acknowledged, open }]) => {
      const value = valueIn(store, key)
      if (value === acknowledged || open.includes(value)) return []
      return [
        `${key} is "${value}", acknowledged was "${acknowledged}", asked since were ${JSON.stringify(open)}`,
      ]
    })
  }

  #groupFaults(store: StoreReader): string[] {
    const groups = new Set(
      [...this.#promised.keys()].filter((key) => key.startsWith('group')).map((key) => key.split('/')[0]!),
    )
    return [...groups].flatMap((name) => {
      const values = new Set(Array.from({ length: groupSize }, (_, i) => valueIn(store, keyOf(name, i))))
      return values.size === 1 ? [] : [`${name} was written in part: ${[...values].join(', ')}`]
    })
  }

  #begunFaults(store: StoreReader): string[] {
    const broken: string[] = []
    for (const [cid, generation] of this.#begun) {
      const record = store.local(CID.parse(cid))
      if (record?.generation === generation && !record.owned) broken.push(`${cid} was begun and is not owned`)
    }
    this.#begun.clear()
    return broken
  }

  #of(key: string): Promised {
    const promised = this.#promised.get(key) ?? { acknowledged: '', open: [] }
    this.#promised.set(key, promised)
    return promised
  }
}

function valueIn(store: StoreReader, key: string): string {
  return store.pin(cidOf(key))?.name ?? ''
}
