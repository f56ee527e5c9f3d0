import { describe, expect, test } from 'bun:test'
import { Reconnection } from '../../../core/peer/reconnection.ts'
import { systemRandom } from '../../../core/runtime/system.ts'
import { DrivenClock } from '../../support/driven-clock.ts'

/** `retry` is called whenever all failed pins are queued again. */
function setUp(retry: () => void) {
  const time = new DrivenClock()
  const warnings: string[] = []
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message: string) => warnings.push(message),
    error: () => undefined,
    component: () => logger,
  }
  async function* recoverAll(): AsyncGenerator<never, void, undefined> {
    retry()
    yield* []
  }
  const runtime = { clock: time, scheduler: time, random: systemRandom, logger: logger as never }
  return { time, warnings, reconnection: new Reconnection({ recoverAll }, runtime) }
}

describe('a node that is connected', () => {
  test('makes failed pins be retried a second later, once for all that came by then', async () => {
    let retries = 0
    const { time, reconnection } = setUp(() => {
      retries++
    })
    reconnection.connected()
    reconnection.connected()
    time.run(999)
    expect(retries).toBe(0)
    time.run(1)
    await Bun.sleep(0)
    expect(retries).toBe(1)
    reconnection.connected()
    time.run(1_000)
    await Bun.sleep(0)
    expect(retries).toBe(2)
  })

  test('costs a warning when the store cannot be read, and the next one retries again', async () => {
    let retries = 0
    const { time, warnings, reconnection } = setUp(() => {
      retries++
      throw new Error('the disk is gone')
    })
    for (const _ of [1, 2]) {
      reconnection.connected()
      time.run(1_000)
      await Bun.sleep(0)
    }
    expect(retries).toBe(2)
    expect(warnings).toHaveLength(2)
  })

  test('is of no account once the peer stops', async () => {
    let retries = 0
    const { time, reconnection } = setUp(() => {
      retries++
    })
    reconnection.connected()
    await reconnection[Symbol.asyncDispose]()
    reconnection.connected()
    time.run(10_000)
    expect(retries).toBe(0)
  })
})
