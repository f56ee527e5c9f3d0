/** The gateway keeps what names stand for, for as long as they say. */
import { describe, expect, test } from 'bun:test'
import type { FoundName } from '../../../core/ipfs/embedded/exchange/names.ts'
import { NameCache } from '../../../core/ipfs/embedded/gateway/name-cache.ts'
import { DrivenClock } from '../../support/driven-clock.ts'

describe('the gateway', () => {
  const { signal } = new AbortController()

  function cacheOf(answer: (name: string) => FoundName) {
    const clock = new DrivenClock()
    const asked: string[] = []
    const find = async (name: string) => {
      asked.push(name)
      return answer(name)
    }
    return { cache: new NameCache(find, clock), clock, asked }
  }
  const foundFor = (ttl: number | undefined): FoundName => ({
    path: '/ipfs/bafkqaaa',
    ttl,
    record: undefined,
  })

  test('asks for a name again when its time to live is over, and says what is left of it', async () => {
    const { cache, clock, asked } = cacheOf(() => foundFor(90))
    expect((await cache.find('name', signal)).ttl).toBe(90)
    clock.run(30_000)
    expect((await cache.find('name', signal)).ttl).toBe(60)
    expect(asked).toHaveLength(1)
    clock.run(60_000)
    expect((await cache.find('name', signal)).ttl).toBe(90)
    expect(asked).toHaveLength(2)
    clock.run(30_000)
    expect((await cache.refresh('name', signal)).ttl).toBe(90)
    expect((await cache.find('name', signal)).ttl).toBe(90)
    expect(asked).toHaveLength(3)
  })

  test('keeps a name that says nothing for a minute', async () => {
    const { cache, clock, asked } = cacheOf(() => foundFor(undefined))
    for (const [later, times] of [
      [0, 1],
      [59_000, 1],
      [2_000, 2],
    ] as const) {
      clock.run(later)
      expect((await cache.find('example.org', signal)).ttl).toBeUndefined()
      expect(asked).toHaveLength(times)
    }
  })

  test('keeps no name that was not found, nor one that may not be kept, nor more than a bound', async () => {
    const { cache, asked } = cacheOf((name) => {
      if (name === 'lost') throw new Error('not found')
      return foundFor(name === 'fleeting' ? 0 : 3_600)
    })
    for (const _ of [1, 2]) {
      await expect(cache.find('lost', signal)).rejects.toThrow('not found')
      await cache.find('fleeting', signal)
    }
    expect(asked).toHaveLength(4)
    for (let index = 0; index < 129; index++) await cache.find(`name ${index}`, signal)
    asked.splice(0)
    await cache.find('name 128', signal)
    await cache.find('name 0', signal)
    expect(asked).toEqual(['name 0'])
  })
})
