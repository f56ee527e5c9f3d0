import { describe, expect, test } from 'bun:test'
import { createLogger, type LogFormat, parseLogLevels } from '../../../core/runtime/log.ts'
import { createSystemRuntime, systemRandom } from '../../../core/runtime/system.ts'

function record(levels: string, format: LogFormat = 'text') {
  const lines: string[] = []
  const logger = createLogger({
    component: 'cluster',
    levels: parseLogLevels(levels),
    format,
    clock: { now: () => Date.UTC(2026, 10, 23, 1, 2, 3, 4) },
    write: (line) => lines.push(line),
  })
  return { lines, logger }
}

describe('log levels', () => {
  test('a bare level is for every component, and a component may have its own', () => {
    const { lines, logger } = record('warn,crdt:debug')
    logger.info('quiet')
    logger.component('crdt').debug('loud')
    expect(lines).toEqual(['2026-11-23T01:02:03.004Z DEBUG crdt loud'])
  })

  test('`all:` is the same as a bare level, blanks and case do not matter, and no text means info', () => {
    expect(parseLogLevels(' ALL:Error , restapi : DEBUG ')).toEqual({
      all: 'error',
      components: new Map([['restapi', 'debug']]),
    })
    expect(parseLogLevels('').all).toBe('info')
    expect(parseLogLevels('fatal').all).toBe('error')
  })

  test('an unknown level is refused by name', () => {
    expect(() => parseLogLevels('info,crdt:loud')).toThrow(/"crdt:loud" is not understood/)
    expect(() => parseLogLevels(':debug')).toThrow('":debug"')
  })
})

describe('log lines', () => {
  test('fields follow the message and are quoted only where they must be', () => {
    const { lines, logger } = record('info')
    logger.warn('pin failed', { cid: 'bafy', attempt: 3, cause: 'no route "x"', none: undefined })
    expect(lines).toEqual([
      '2026-11-23T01:02:03.004Z WARN cluster pin failed cid=bafy attempt=3 cause="no route \\"x\\""',
    ])
  })

  test('text from outside cannot forge a line', () => {
    const { lines, logger } = record('info')
    logger.error('bad name a\nb \u001b[2J', { name: 'x\r\ny' })
    expect(lines[0]).toBe('2026-11-23T01:02:03.004Z ERROR cluster bad name a\\nb \\u001b[2J name="x\\r\\ny"')
  })

  test('json lines carry the same facts', () => {
    const { lines, logger } = record('info', 'json')
    logger.info('ready', { pins: 4 })
    expect(JSON.parse(lines[0]!)).toEqual({
      time: '2026-11-23T01:02:03.004Z',
      level: 'info',
      component: 'cluster',
      message: 'ready',
      pins: 4,
    })
  })
})

describe('the system runtime', () => {
  test('runs a task after its delay and not after it was cancelled', async () => {
    const { scheduler, clock } = createSystemRuntime({ levels: parseLogLevels('') })
    const from = clock.monotonic()
    const never = scheduler.after(1, () => {
      throw new Error('cancelled timers must not fire')
    })
    never.cancel()
    await new Promise<void>((done) => scheduler.after(5, done))
    expect(clock.monotonic() - from).toBeGreaterThanOrEqual(4)
  })

  test('a delay longer than the platform knows does not fire at once', async () => {
    const { scheduler } = createSystemRuntime({ levels: parseLogLevels('') })
    let fired = false
    const timer = scheduler.after(2 ** 33, () => {
      fired = true
    })
    await new Promise<void>((done) => scheduler.after(5, done))
    timer.cancel()
    expect(fired).toBe(false)
  })

  test('gives more random bytes than one call of the platform does', () => {
    const bytes = systemRandom.bytes(200_000)
    expect(bytes.subarray(150_000).some((byte) => byte !== 0)).toBe(true)
  })
})
