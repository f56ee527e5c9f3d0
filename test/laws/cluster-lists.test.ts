import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { mergedByKey, type Sorted } from '../../core/peer/merge-by-key.ts'

class Numbers implements Sorted {
  readonly #values: number[]
  readonly #isSlow: boolean

  constructor(values: number[], isSlow: boolean) {
    this.#values = values
    this.#isSlow = isSlow
  }

  get key(): Uint8Array | undefined {
    const [value] = this.#values
    return value === undefined ? undefined : Uint8Array.of(value)
  }

  advance(): Promise<void> | undefined {
    this.#values.shift()
    return this.#isSlow ? Promise.resolve() : undefined
  }
}

const sets = fc.array(fc.tuple(fc.uniqueArray(fc.nat(255)), fc.boolean()), { maxLength: 6 })

test('merging any sorted lists gives every key once, in order, with the lists that have it', async () => {
  await fc.assert(
    fc.asyncProperty(sets, async (given) => {
      const lists = given.map(
        ([values, isSlow]) =>
          new Numbers(
            values.toSorted((a, b) => a - b),
            isSlow,
          ),
      )
      const merged: [number, number[]][] = []
      for await (const { key, having } of mergedByKey(lists)) {
        merged.push([key[0]!, having.map((list) => lists.indexOf(list))])
      }
      const all = [...new Set(given.flatMap(([values]) => values))].sort((a, b) => a - b)
      const holders = (value: number) =>
        given.flatMap(([values], index) => (values.includes(value) ? [index] : []))
      expect(merged).toEqual(all.map((value) => [value, holders(value)]))
    }),
  )
})
