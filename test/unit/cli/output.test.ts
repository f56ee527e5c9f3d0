import { describe, expect, test } from 'bun:test'
import { Output, printedJson } from '../../../cli/output.ts'
import { TerminalProgress } from '../../../cli/progress.ts'
import { createTalk } from '../../../cli/talk.ts'

function recorder() {
  const written: string[] = []
  return {
    written,
    stream: { write: (text: string) => written.push(text), isTTY: true as boolean, columns: 60 },
  }
}

describe('stdout', () => {
  test('gathers small writes and keeps their order', async () => {
    const written: string[] = []
    const output = new Output(async (bytes) => {
      await Promise.resolve()
      written.push(Buffer.from(bytes).toString())
    })
    await output.write('a')
    await output.write('b')
    await output.flush()
    await output.write('c')
    await output.flush()
    expect(written).toEqual(['ab', 'c'])
  })

  test('makes the writer wait for a slow reader', async () => {
    let release = () => {}
    const output = new Output(
      () =>
        new Promise((resolve) => {
          release = resolve
        }),
    )
    let isDone = false
    const writing = output.write('x'.repeat(100_000)).then(() => {
      isDone = true
    })
    await Bun.sleep(0)
    expect(isDone).toBe(false)
    release()
    await writing
    expect(isDone).toBe(true)
  })

  test('says so when the reader has gone, from then on', async () => {
    const output = new Output(() =>
      Promise.reject(Object.assign(new Error('broken pipe'), { code: 'EPIPE' })),
    )
    await output.write('a')
    await expect(output.flush()).rejects.toHaveProperty('name', 'OutputClosedError')
    await expect(output.write('b')).rejects.toHaveProperty('name', 'OutputClosedError')
  })

  test('JSON is indented by four, as the original escapes it, with integers whole', () => {
    expect(printedJson({ a: [], b: {}, c: '<&>', d: 18446744073709551615n, e: ['x'] })).toBe(
      '{\n    "a": [],\n    "b": {},\n    "c": "\\u003c\\u0026\\u003e",\n    "d": 18446744073709551615,\n    "e": [\n        "x"\n    ]\n}',
    )
  })
})

describe('talk', () => {
  test('is plain lines, with the mark of a warning coloured on a terminal only', () => {
    const { written, stream } = recorder()
    createTalk(stream, {}).log('configuration written to x.')
    createTalk(stream, {}).warn('careful')
    createTalk(stream, { NO_COLOR: '1' }).warn('careful')
    createTalk({ ...stream, isTTY: false }, {}).warn('careful')
    expect(written).toEqual([
      'configuration written to x.\n',
      '\u001b[33mwarning: \u001b[0mcareful\n',
      'warning: careful\n',
      'warning: careful\n',
    ])
  })
})

describe('progress', () => {
  test('draws one line with a bar, clears it, and says nothing where there is no terminal', () => {
    const { written, stream } = recorder()
    const progress = new TerminalProgress('adding', stream)
    progress.update('1.0 kB of 2.0 kB', 0.5)
    progress.update('too soon', 0.6)
    progress.pause()
    progress.pause()
    expect(written).toEqual([
      '\r\u001b[2Kadding [============            ] 50% 1.0 kB of 2.0 kB',
      '\r\u001b[2K',
    ])
    const quiet = recorder()
    new TerminalProgress('adding', { ...quiet.stream, isTTY: false }).update('1 B')
    expect(quiet.written).toEqual([])
  })

  test('never wraps', () => {
    const { written, stream } = recorder()
    new TerminalProgress('x'.repeat(200), stream).update('y')
    expect(written[0]!.length).toBe('\r\u001b[2K'.length + 59)
  })
})
