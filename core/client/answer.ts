/** Reads answers: one object, lines of objects, or a refusal (`spec/rest-api.md §5, §11`). */
import { parseGoJson } from '../pin/go-json.ts'
import { linesOf } from '../runtime/lines.ts'
import { ApiError } from './errors.ts'
import type { Answer } from './transport.ts'

/** Bytes of an answer that is one object; a garbage collection lists all that it removed. */
const maxObject = 1024 * 1024 * 1024

/** Bytes of one line of a stream. */
const maxLine = 64 * 1024 * 1024

/** Bytes of a refusal. */
const maxRefusal = 64 * 1024

/** The object of an answer; undefined where there is none. Throws `ApiError`. */
export async function objectOf<Result>(answer: Answer): Promise<Result> {
  const text = await textOf(answer, maxObject)
  if (text.trim() === '') return undefined as Result
  return parse(text) as Result
}

/** The objects of a stream, as they come. Throws `ApiError`, also for what only the trailer tells. */
export async function* objectsOf<Row>(answer: Answer): AsyncGenerator<Row> {
  for await (const line of linesOf(answer.body, maxLine, tooLong)) {
    if (line.trim() !== '') yield parse(line) as Row
  }
  const errors = answer.streamErrors()
  if (errors.length > 0) throw new ApiError(500, errors.join('; '))
}

/** What an answer of 400 and above says. */
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
  return new ApiError(answer.status, text)
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

function parse(text: string): unknown {
  try {
    return parseGoJson(text)
  } catch (cause) {
    throw new ApiError(0, `the answer is not JSON: ${text.slice(0, 200)}`, { cause })
  }
}
