import { describe, expect, test } from 'bun:test'
import { PinsetOracle } from './pinset-oracle.ts'

describe('the oracle of promises', () => {
  test('misses an acknowledged pin that is gone, and an acknowledged unpin that is undone', () => {
    const oracle = new PinsetOracle()
    oracle.asked('a', 'pinned')
    oracle.answered('a', 'pinned')
    expect(oracle.broken(new Set(['a']))).toEqual([])
    expect(oracle.broken(new Set())).toEqual(['a is unpinned, acknowledged was pinned'])
    oracle.asked('a', 'unpinned')
    oracle.answered('a', 'unpinned')
    expect(oracle.broken(new Set(['a']))).toEqual(['a is pinned, acknowledged was unpinned'])
  })
  test('takes either end of a change that was never answered', () => {
    const oracle = new PinsetOracle()
    oracle.asked('a', 'pinned')
    expect(oracle.broken(new Set(['a']))).toEqual([])
    expect(oracle.broken(new Set())).toEqual([])
  })
  test('holds to what was seen once it was seen', () => {
    const oracle = new PinsetOracle()
    oracle.asked('a', 'pinned')
    oracle.settle(new Set(['a']))
    expect(oracle.broken(new Set())).toEqual(['a is unpinned, acknowledged was pinned'])
  })
  test('knows that nothing came of a refused change', () => {
    const oracle = new PinsetOracle()
    oracle.asked('a', 'pinned')
    oracle.refused('a')
    expect(oracle.broken(new Set(['a']))).toHaveLength(1)
  })
  test('finds pins that nobody asked for', () => {
    expect(new PinsetOracle().broken(new Set(['x']))).toEqual(['x is pinned and was never asked for'])
  })
})
