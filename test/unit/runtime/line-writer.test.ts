import { describe, expect, test } from 'bun:test'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FileSink, type LineSink, lineWriter } from '../../../core/runtime/line-writer.ts'
import { strayErrorHandler } from '../../../core/runtime/stray-errors.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

/** Takes lines, unless it is told to fail or to be stuck. */
class TestSink implements LineSink {
  writableLength = 0
  failure: Error | undefined
  attempts = 0
  readonly taken: string[] = []

  write(text: string, done: (error?: Error | null) => void): void {
    this.attempts++
    if (this.failure === undefined) this.taken.push(text)
    done(this.failure ?? null)
  }
}

function writerTo(sink: LineSink): (line: string) => void {
  return lineWriter({ sink, what: 'log lines', maxWaiting: 1000 })
}

describe('a writer of lines', () => {
  test('drops lines that a stuck reader would make pile up, and says how many', () => {
    const sink = new TestSink()
    const write = writerTo(sink)
    sink.writableLength = 100_000_000
    write('lost')
    write('lost too')
    sink.writableLength = 0
    write('kept')
    expect(sink.taken).toEqual(['(2 log lines dropped: nobody read them in time)\n', 'kept\n'])
  })

  test('drops lines that a full disk does not take, and says how many once there is room', () => {
    const sink = new TestSink()
    const write = writerTo(sink)
    sink.failure = new Error('no space left on device')
    for (let line = 0; line < 100; line++) write('lost')
    expect(sink.taken).toEqual([])
    sink.failure = undefined
    write('kept')
    expect(sink.taken).toEqual(['(100 log lines dropped: no space left on device)\n', 'kept\n'])
  })

  test('makes at most two attempts for a line, however many fail', () => {
    const sink = new TestSink()
    const write = writerTo(sink)
    sink.failure = new Error('no space left on device')
    for (let line = 0; line < 100; line++) write('lost')
    expect(sink.attempts).toBeLessThanOrEqual(200)
  })

  test('takes a sink that throws for one that fails', () => {
    const taken: string[] = []
    let broken = true
    const write = writerTo({
      writableLength: 0,
      write(text) {
        if (broken) throw new Error('closed')
        taken.push(text)
      },
    })
    write('lost')
    broken = false
    write('kept')
    expect(taken).toEqual(['(1 log lines dropped: closed)\n', 'kept\n'])
  })
})

describe('a file as a sink', () => {
  test('keeps the order of lines', async () => {
    await using folder = await temporaryFolder()
    const path = join(folder.path, 'log')
    const descriptor = openSync(path, 'a')
    const sink = new FileSink(descriptor)
    const write = writerTo(sink)
    for (let line = 0; line < 50; line++) write(`line ${line}`)
    await sink.settled()
    closeSync(descriptor)
    expect(sink.writableLength).toBe(0)
    expect((await readFile(path, 'utf8')).split('\n').slice(0, -1)).toEqual(
      Array.from({ length: 50 }, (_, line) => `line ${line}`),
    )
  })

  test.skipIf(process.platform !== 'linux')('goes on after writes that failed', async () => {
    const descriptor = openSync('/dev/full', 'a')
    const sink = new FileSink(descriptor)
    const failures: string[] = []
    for (let line = 0; line < 3; line++) sink.write('lost', (error) => failures.push(String(error)))
    await sink.settled()
    closeSync(descriptor)
    expect(failures).toHaveLength(3)
    for (const failure of failures) expect(failure).toContain('ENOSPC')
  })
})

describe('the handler of errors that nobody caught', () => {
  test('logs them, and only some of a flood', () => {
    const logged: unknown[] = []
    let now = 0
    const handle = strayErrorHandler(
      { error: (_message, fields) => logged.push(fields) },
      { monotonic: () => now },
    )
    for (let error = 0; error < 1000; error++) handle(new Error('again'))
    expect(logged).toHaveLength(20)
    now = 60_000
    handle(new Error('later'))
    expect(logged.at(-1)).toMatchObject({ more: 980 })
  })

  test('never throws, also when the log does', () => {
    let attempts = 0
    const handle = strayErrorHandler(
      {
        error() {
          attempts++
          throw new Error('the log is broken')
        },
      },
      { monotonic: () => 0 },
    )
    for (let error = 0; error < 100; error++) handle(new Error('again'))
    expect(attempts).toBe(20)
  })
})
