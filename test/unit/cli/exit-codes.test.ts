import { describe, expect, test } from 'bun:test'
import { CancelledError, OutputClosedError, UnknownCommandError } from '../../../cli/errors.ts'
import { exitCodeMeanings, exitCodeOf, exitCodes } from '../../../cli/exit-codes.ts'
import { reportError } from '../../../cli/report-error.ts'
import { CommandError, DeclinedError, NoTerminalError, UsageError } from '../../../commands/errors.ts'
import { ApiError, StrangeAnswerError, WaitError, WaitTimeoutError } from '../../../core/client/errors.ts'

describe('exit codes', () => {
  test.each([
    [new UsageError('x'), 1],
    [new UnknownCommandError('x'), 3],
    [new ApiError(0, 'x'), 1],
    [new ApiError(404, 'x'), 2],
    [new ApiError(500, 'x'), 2],
    [new CommandError('waiting for pin status', new WaitTimeoutError()), 62],
    [new CommandError('waiting for pin status', new WaitError('x')), 1],
    [new CommandError('waiting for pin status', new CancelledError()), 125],
    [new CancelledError(), 125],
    [new DeclinedError(), 0],
    [new NoTerminalError('Sure?', '--force'), 1],
    [new OutputClosedError(), 141],
    [new Error('x'), 1],
    ['not even an error', 1],
  ])('%s', (error, code) => {
    expect(exitCodeOf(error)).toBe(code)
  })

  test('each has a meaning that help tells, and no two are the same', () => {
    expect(Object.keys(exitCodeMeanings)).toEqual(Object.keys(exitCodes))
    expect(new Set(Object.values(exitCodes)).size).toBe(Object.keys(exitCodes).length)
  })
})

describe('an error is told', () => {
  function report(error: unknown, options: { encoding?: 'text' | 'json'; debug?: boolean } = {}) {
    const told = { stdout: '', stderr: '' }
    const code = reportError(error, {
      encoding: options.encoding ?? 'text',
      debug: options.debug ?? false,
      stdout: (text) => {
        told.stdout += text
      },
      stderr: (text) => {
        told.stderr += text
      },
    })
    return { ...told, code }
  }

  test('on stderr when the peer refused, but as JSON on stdout for a program that asked for it', () => {
    expect(report(new ApiError(404, 'pin is not part of the pinset'))).toEqual({
      stdout: '',
      stderr: 'error: pin is not part of the pinset (the peer answered with 404)\n',
      code: 2,
    })
    expect(report(new ApiError(404, 'a<b'), { encoding: 'json' }).stdout).toBe(
      '{\n    "code": 404,\n    "message": "a\\u003cb"\n}\n',
    )
  })

  test('with what to do when no peer answered', () => {
    const { stdout, stderr, code } = report(new ApiError(0, 'connect ECONNREFUSED'))
    expect(stdout).toBe('')
    expect(stderr).toBe(
      'error: connect ECONNREFUSED\nis a peer running there? `cluster daemon` runs one, --host names another\n',
    )
    expect(code).toBe(1)
    expect(report(new StrangeAnswerError('http://a', 'the answer is not JSON')).stderr).not.toContain(
      'running',
    )
  })

  test('in one line on stderr when it is local, and where it came from only with --debug', () => {
    expect(report(new CommandError('parsing cid', new Error('no')))).toEqual({
      stdout: '',
      stderr: 'error parsing cid: no\n',
      code: 1,
    })
    expect(report(new CommandError('', 'need at least one path')).stderr).toBe(
      'error : need at least one path\n',
    )
    expect(report(new UsageError('bad flag')).stderr).toBe('error: bad flag\n')
    expect(report(new UsageError('bad flag'), { debug: true }).stderr).toContain('exit-codes.test.ts')
  })

  test('not at all when nobody reads any more', () => {
    expect(report(new OutputClosedError())).toEqual({ stdout: '', stderr: '', code: 141 })
  })
})
