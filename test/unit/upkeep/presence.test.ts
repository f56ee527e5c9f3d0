import { describe, expect, test } from 'bun:test'
import { Presence } from '../../../core/upkeep/presence.ts'

/** Looks every second at who is alive, from second `from` up to `to`. */
function look(presence: Presence, alive: string[], from: number, to: number) {
  const news = { gone: [] as string[], come: [] as string[] }
  for (let second = from; second <= to; second++) {
    const { gone, come } = presence.look(alive, second * 1000)
    news.gone.push(...gone)
    news.come.push(...come)
  }
  return news
}

const presenceOf = (grace: number) => new Presence({ grace, longestStep: 3000 })

describe('a peer', () => {
  test('is gone when it gave no sign of life for the grace window, and that is told once', () => {
    const presence = presenceOf(10_000)
    look(presence, ['a', 'b'], 0, 20)
    expect(look(presence, ['a'], 21, 29)).toEqual({ gone: [], come: [] })
    expect(presence.isGone('b')).toBe(false)
    expect(look(presence, ['a'], 30, 90).gone).toEqual(['b'])
    expect([presence.isGone('a'), presence.isGone('b')]).toEqual([false, true])
  })
  test('that returns within the grace window was never gone, and its time begins anew', () => {
    const presence = presenceOf(10_000)
    look(presence, ['a', 'b'], 0, 20)
    look(presence, ['a'], 21, 28)
    expect(look(presence, ['a', 'b'], 29, 30)).toEqual({ gone: [], come: [] })
    expect(look(presence, ['a'], 31, 39).gone).toEqual([])
    expect(look(presence, ['a'], 40, 40).gone).toEqual(['b'])
  })
  test('that returns later is not gone any more at once', () => {
    const presence = presenceOf(10_000)
    look(presence, ['a', 'b'], 0, 5)
    look(presence, ['a'], 6, 60)
    presence.look(['a', 'b'], 61_000)
    expect(presence.isGone('b')).toBe(false)
  })
  test('that was never alive is missed from the start on', () => {
    const presence = presenceOf(10_000)
    look(presence, ['a'], 100, 109)
    expect(presence.isGone('x')).toBe(false)
    presence.look(['a'], 110_000)
    expect(presence.isGone('x')).toBe(true)
  })
  test('has come when it was alive for the grace window without a break', () => {
    const presence = presenceOf(10_000)
    expect(look(presence, ['a'], 0, 9).come).toEqual([])
    expect(look(presence, ['a'], 10, 20).come).toEqual(['a'])
    expect(look(presence, ['a', 'b'], 21, 29).come).toEqual([])
    look(presence, ['a'], 30, 30)
    expect(look(presence, ['a', 'b'], 31, 40).come).toEqual([])
    expect(look(presence, ['a', 'b'], 41, 60).come).toEqual(['b'])
  })
  test('that was gone and returned comes again', () => {
    const presence = presenceOf(10_000)
    look(presence, ['a', 'b'], 0, 15)
    look(presence, ['a'], 16, 40)
    expect(look(presence, ['a', 'b'], 41, 60).come).toEqual(['b'])
  })
})

test('after a pause of this process nobody is gone for that time', () => {
  const presence = presenceOf(10_000)
  look(presence, ['a', 'b'], 0, 20)
  expect(presence.look(['a'], 3_600_000)).toEqual({ gone: [], come: [] })
  expect(presence.isGone('b')).toBe(false)
})
