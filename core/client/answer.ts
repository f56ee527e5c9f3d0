/** Reads answers: one object, lines of objects, or a refusal (`spec/rest-api.md §5, §11`). */
import { parseGoJson } from '../pin/go-json.ts'
import { linesOf } from '../runtime/lines.ts'
import { ApiError, StrangeAnswerError } from './errors.ts'
import type { Answer } from './transport.ts'

/** Bytes of an answer that is one object; a garbage collection lists all that it removed. */
const maxObject = 1024 * 1024 * 1024

/** Bytes of one line of a stream. */
const maxLine = 64 * 1024 * 1024

/** Bytes of a refusal. */
const maxRefusal = 64 * 1024

/** What an answer must have: nothing, a list or nothing, or an object with texts under these keys. */
export type Expected = 'nothing' | 'list' | readonly string[]

/** The value of an answer. Throws `ApiError`, also for a value that is not what was asked for. */
export async function answerOf<Result>(answer: Answer, expected: Expected): Promise<Result> {
  const text = await textOf(answer, maxObject)
  if (expected === 'nothing') return undefined as Result
  if (text.trim() === '')
    throw new StrangeAnswerError(answer.from, `answered ${answer.status} and nothing else`)
  return checked(parse(text, answer), expected, answer) as Result
}

/** The objects of a stream, as they come. Throws `ApiError`, also for what only the trailer tells. */
export async function* objectsOf<Row>(answer: Answer, keys: readonly string[]): AsyncGenerator<Row> {
  for await (const line of linesOf(answer.body, maxLine, tooLong)) {
    if (line.trim() !== '') yield checked(parse(line, answer), keys, answer) as Row
  }
  const errors = answer.streamErrors()
  if (errors.length > 0) throw new ApiError(500, errors.join('; '))
}

function checked(value: unknown, expected: 'list' | readonly string[], answer: Answer): unknown {
  if (expected === 'list') {
    if (value === null || Array.isArray(value)) return value
  } else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const missing = expected.find((key) => typeof (value as Record<string, unknown>)[key] !== 'string')
    if (missing === undefined) return value
    throw new StrangeAnswerError(answer.from, `the answer lacks ${JSON.stringify(missing)}`)
  }
  throw new StrangeAnswerError(answer.from, `the answer is no ${expected === 'list' ? 'list' : 'object'}`)
}

/** What an answer that is no success says. */
export async function refusalOf(answer: Answer): Promise<ApiError> {
  const text = (await textOf(answer, maxRefusal)).trim()
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown }
    if (typeof message === 'string') {
      return new ApiError(typeof code === 'number' && code !== 0 ? code : answer.status, message)
    }
  } catch {
    // Not from a cluster peer, or cut off: the text says what there is to know.
  }
  return new ApiError(
    answer.status,
    text === '' ? `${answer.from} answered ${answer.status} without a reason` : text,
  )
}

async function textOf(answer: Answer, limit: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body) {
    size += chunk.length
    if (size > limit) throw new ApiError(0, `the answer is larger than ${limit} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function tooLong(): never {
  throw new ApiError(0, `a line of the answer is longer than ${maxLine} bytes`)
}

function parse(text: string, { from }: Answer): unknown {
  try {
    return parseGoJson(text)
  } catch (cause) {
    throw new StrangeAnswerError(from, `the answer is not JSON: ${text.slice(0, 200)}`, { cause })
  }
}
