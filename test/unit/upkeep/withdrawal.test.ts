import { expect, test } from 'bun:test'
import { allPins, pinAt } from '../store/fixtures.ts'
import { UpkeepRig } from './rig.ts'

const settings = { grace: 10_000, takeover: 5_000 }

test('a pin that was moved and unpinned at the same time by somebody who had not seen that stays unpinned', () => {
  const rig = new UpkeepRig('one', 'two', 'three')
  const one = rig.start('one', settings)
  const two = rig.start('two', { ...settings, repinning: false })
  rig.untrusted.add(rig.id('two')).add(rig.id('three'))
  const pin = pinAt('a', [rig.id('one'), rig.id('three')])
  rig.pin(one, pin, pinAt('b', [rig.id('one'), rig.id('three')]))
  rig.sync()
  rig.pass(20_000)
  rig.alive.delete(rig.id('three'))
  rig.pass(20_000)
  expect(rig.holders(one)).toEqual({ a: ['one', 'two'], b: ['one', 'two'] })
  rig.write(two, { kind: 'unpin', cid: pin.cid })
  rig.passInSync(4_000, 500)
  expect(allPins(one.store).map(({ name }) => name)).toEqual(['b'])
  expect(allPins(two.store).map(({ name }) => name)).toEqual(['b'])
})

test('a pin that was unpinned after it was moved stays unpinned, and one that was pinned again stays', () => {
  const rig = new UpkeepRig('one', 'two', 'three')
  const one = rig.start('one', settings)
  rig.untrusted.add(rig.id('two')).add(rig.id('three'))
  const pins = ['a', 'b'].map((name) => pinAt(name, [rig.id('one'), rig.id('three')]))
  rig.pin(one, ...pins)
  rig.pass(20_000)
  rig.alive.delete(rig.id('three'))
  rig.pass(20_000)
  for (const { cid } of pins) rig.write(one, { kind: 'unpin', cid })
  rig.pin(one, pinAt('b', [rig.id('one')]))
  rig.pass(20_000)
  expect(rig.holders(one)).toEqual({ b: ['one'] })
})

test('a peer that was away when its work was undone withdraws it after its next start', () => {
  const rig = new UpkeepRig('one', 'two', 'three')
  const one = rig.start('one', settings)
  const two = rig.start('two', { ...settings, repinning: false })
  rig.untrusted.add(rig.id('two')).add(rig.id('three'))
  const pin = pinAt('a', [rig.id('one'), rig.id('three')])
  rig.pin(one, pin)
  rig.sync()
  rig.pass(20_000)
  rig.alive.delete(rig.id('three'))
  rig.pass(20_000)
  rig.settle(one.upkeep[Symbol.asyncDispose]())
  rig.write(two, { kind: 'unpin', cid: pin.cid })
  rig.sync()
  expect(allPins(two.store)).toHaveLength(1)
  rig.start('one', settings, one.store)
  rig.passInSync(4_000, 500)
  expect([allPins(one.store), allPins(two.store)]).toEqual([[], []])
})
