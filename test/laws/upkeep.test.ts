/**
 * What holds for re-pinning whatever pins there are, whoever is gone and whoever has room: never above max, no write for a
 * pin that has its min, no living holder dropped, nobody gone chosen, and each pin at its min where that is possible.
 */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Pin } from '../../core/pin/pin.ts'
import { allPins, pinAt } from '../unit/store/fixtures.ts'
import { UpkeepRig } from '../unit/upkeep/rig.ts'

const names = ['one', 'two', 'three', 'four', 'five', 'six']
const settings = { grace: 10_000, takeover: 2_000, checkInterval: 30_000 }

const cases = fc.record({
  /** Indexes of peers that die; the first is the one that works. */
  dead: fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
  full: fc.uniqueArray(fc.integer({ min: 0, max: 5 })),
  pins: fc.array(
    fc.record({
      holders: fc.uniqueArray(fc.integer({ min: 0, max: 5 }), { minLength: 1 }),
      min: fc.integer({ min: 1, max: 4 }),
      spare: fc.integer({ min: 0, max: 2 }),
    }),
    { minLength: 1, maxLength: 8 },
  ),
})

test('re-pinning gives every pin its min where it can, and writes nothing else', () => {
  fc.assert(
    fc.property(cases, ({ dead, full, pins }) => {
      const rig = new UpkeepRig(...names)
      const one = rig.start('one', settings)
      rig.pass(20_000)
      const before = pins.map(({ holders, min, spare }, index) => {
        const max = Math.max(min, holders.length) + spare
        const ids = holders.map((each) => rig.id(names[each]!))
        return pinAt(`pin ${index}`, ids, { replicationFactorMin: min, replicationFactorMax: max })
      })
      rig.pin(one, ...before)
      for (const each of full) rig.full.add(rig.id(names[each]!))
      for (const each of dead) rig.alive.delete(rig.id(names[each]!))
      rig.pass(60_000)

      const isAlive = (peer: string) => rig.alive.has(peer)
      const after = new Map(allPins(one.store).map((pin) => [pin.name, pin]))
      const missed = new Set(
        before
          .filter((pin) => pin.allocations.filter(isAlive).length < pin.replicationFactorMin)
          .flatMap(({ allocations }) => allocations.filter((peer) => !isAlive(peer))),
      )
      for (const pin of before) check(pin, after.get(pin.name)!, missed.size)

      function check(was: Pin, is: Pin, missing: number): void {
        const living = was.allocations.filter(isAlive)
        const roomy = [...rig.alive].filter((peer) => !rig.full.has(peer) && !living.includes(peer))
        const needed = was.replicationFactorMin - living.length
        if (needed <= 0 || needed > roomy.length || missing > rig.alive.size) {
          expect(is).toEqual(was)
          return
        }
        expect(is.allocations.length).toBeGreaterThanOrEqual(was.replicationFactorMin)
        expect(is.allocations.length).toBeLessThanOrEqual(was.replicationFactorMax)
        expect(is.allocations).toEqual(expect.arrayContaining(living))
        expect(is.allocations.every(isAlive)).toBe(true)
        expect({ ...is, allocations: [] }).toEqual({ ...was, allocations: [] })
      }
      const moved = before.filter((pin) => !Bun.deepEquals(after.get(pin.name), pin))
      expect(one.asked).toHaveLength(moved.length)
    }),
    { numRuns: 60 },
  )
}, 60_000)
