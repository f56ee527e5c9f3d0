/**
 * The parts of a `multipart/form-data` body (RFC 7578), one after the other: a part is read only as fast as it is consumed,
 * and the next begins when it is at its end.
 */
import { MultipartError } from './errors.ts'

/** Bytes before the first boundary. */
const maxPreambleBytes = 64 * 1024
/** Bytes of the headers of a part. */
const maxHeaderBytes = 16 * 1024
/** RFC 2046 allows 70. */
const maxBoundaryLength = 200

export interface MultipartPart {
  /** By their names in small letters. */
  headers: ReadonlyMap<string, string>
  /** May be left unread. Rejects with `MultipartError` when the body ends too early. */
  content: AsyncIterable<Uint8Array>
}

/** The boundary of a content type; undefined when it is no multipart form. Throws `MultipartError` when it has none. */
export function boundaryOf(contentType: string | undefined): string | undefined {
  if (!/^multipart\/form-data\s*(;|$)/i.test(contentType ?? '')) return undefined
  const boundary = parameterOf(contentType!, 'boundary')
  if (boundary === undefined || boundary === '' || boundary.length > maxBoundaryLength) {
    throw new MultipartError('no multipart boundary param in Content-Type')
  }
  return boundary
}

/** A parameter of a header such as `form-data; name="file"; filename="a.txt"`. */
export function parameterOf(header: string, name: string): string | undefined {
  for (const [, key, quoted, plain] of header.matchAll(parameterPattern)) {
    if (key!.toLowerCase() === name) return quoted?.replace(/\\(["\\])/g, '$1') ?? plain!.trim()
  }
  return undefined
}

const parameterPattern = /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))/g

/** Does not end `body` early: who answers before its end decides what becomes of the rest. */
export async function* readMultipart(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
): AsyncGenerator<MultipartPart> {
  // The first boundary has no line before it.
  const reader = new BodyReader(body, Buffer.from('\r\n'))
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  await skip(reader.until(delimiter), maxPreambleBytes)
  while (!(await isLast(reader))) {
    const headers = await readHeaders(reader)
    const content = reader.until(delimiter)
    yield { headers, content: onceOnly(content) }
    await skip(content)
  }
}

/** What follows a boundary: the end of the body, or the end of the line. */
async function isLast(reader: BodyReader): Promise<boolean> {
  const rest = await reader.line(maxHeaderBytes, '--')
  if (rest === '--') return true
  if (/^[ \t]*$/.test(rest)) return false
  throw new MultipartError('malformed upload: a boundary is followed by other text')
}

async function readHeaders(reader: BodyReader): Promise<Map<string, string>> {
  const headers = new Map<string, string>()
  let last = ''
  let room = maxHeaderBytes
  for (;;) {
    const line = await reader.line(room)
    if (line === '') return headers
    room -= line.length
    const colon = line.indexOf(':')
    if (/^[ \t]/.test(line) && last !== '') {
      headers.set(last, `${headers.get(last)} ${line.trim()}`)
    } else if (colon > 0) {
      last = line.slice(0, colon).trim().toLowerCase()
      headers.set(last, line.slice(colon + 1).trim())
    } else {
      throw new MultipartError('malformed upload: a part has a header line without a name')
    }
  }
}

async function skip(bytes: AsyncIterable<Uint8Array>, limit = Number.POSITIVE_INFINITY): Promise<void> {
  let skipped = 0
  for await (const piece of bytes) {
    skipped += piece.length
    if (skipped > limit) throw new MultipartError('malformed upload: its boundary does not come')
  }
}

/** A view of a generator that does not end it when the view is left early. */
function onceOnly(bytes: AsyncGenerator<Uint8Array>): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ({ next: () => bytes.next() }) }
}

class BodyReader {
  readonly #source: AsyncIterator<Uint8Array>
  #buffer: Buffer

  constructor(body: AsyncIterable<Uint8Array>, before: Buffer) {
    this.#source = body[Symbol.asyncIterator]()
    this.#buffer = before
  }

  /** The bytes before `delimiter`, which begins with CR and is taken away too. */
  async *until(delimiter: Buffer): AsyncGenerator<Uint8Array> {
    for (;;) {
      const buffer = this.#buffer
      const end = buffer.indexOf(delimiter)
      if (end >= 0) {
        this.#buffer = buffer.subarray(end + delimiter.length)
        if (end > 0) yield buffer.subarray(0, end)
        return
      }
      const tail = buffer.indexOf(0x0d, Math.max(0, buffer.length - delimiter.length + 1))
      const safe = tail < 0 ? buffer.length : tail
      this.#buffer = buffer.subarray(safe)
      if (safe > 0) yield buffer.subarray(0, safe)
      await this.#more()
    }
  }

  /** The text before the next CRLF, or `stop` when the text begins with it. At most `limit` bytes. */
  async line(limit: number, stop?: string): Promise<string> {
    for (;;) {
      const buffer = this.#buffer
      if (stop !== undefined && buffer.length >= stop.length) {
        if (buffer.subarray(0, stop.length).toString('latin1') === stop) return stop
      }
      const end = buffer.indexOf('\r\n')
      if (end > limit || (end < 0 && buffer.length > limit)) {
        throw new MultipartError(`the headers of a part of the upload have more than ${maxHeaderBytes} bytes`)
      }
      if (end >= 0) {
        this.#buffer = buffer.subarray(end + 2)
        return decodeText(buffer.subarray(0, end))
      }
      await this.#more()
    }
  }

  async #more(): Promise<void> {
    const next = await this.#source.next()
    if (next.done) throw new MultipartError('the upload was cut short: it ended before its last boundary')
    const bytes = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength)
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes])
  }
}

/** Throws `MultipartError` for what is not UTF-8: a name is not to be changed silently. */
export function decodeText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new MultipartError('a header or name of the upload is not valid UTF-8', { cause })
  }
}
