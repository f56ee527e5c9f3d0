import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { RowBits } from '../../../core/store/row-bits.ts'

test('has what was added, and nothing beside it', () => {
  const rows = fc.uniqueArray(fc.oneof(fc.integer({ min: 1, max: 300_000 }), fc.maxSafeNat()), {
    maxLength: 50,
  })
  fc.assert(
    fc.property(rows, (ids) => {
      const bits = new RowBits()
      for (const id of ids) bits.add(id)
      for (const id of ids) {
        expect(bits.has(id)).toBe(true)
        for (const beside of [id - 1, id + 1, id + 65_536])
          expect(bits.has(beside)).toBe(ids.includes(beside))
      }
    }),
  )
})
