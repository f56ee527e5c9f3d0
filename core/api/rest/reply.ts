/** Answers of the REST API: their headers, JSON, streams and trailers (`spec/rest-api.md` §1.3, §5). */
import type { ServerResponse } from 'node:http'
import { messageOf } from '../../error-text.ts'
import { type GoJson, goJson } from '../../pin/go-json.ts'
import type { Scheduler } from '../../runtime/ports.ts'
import type { AnswerSpool } from './answer-spool.ts'
import { statusOf } from './errors.ts'
import { drained, RowWriter } from './row-writer.ts'
import { discardBody, isBodyOver } from './unread-body.ts'

/** Where the error of a stream is found that had begun already. */
const trailer = 'X-Stream-Error'

export class Reply {
  readonly #outgoing: ServerResponse
  readonly #headers: Record<string, string[]>
  readonly #scheduler: Scheduler
  #bytes = 0

  /** `headers`: those of the configuration, added to every answer of a handler. */
  constructor(outgoing: ServerResponse, headers: Record<string, string[]>, scheduler: Scheduler) {
    this.#outgoing = outgoing
    this.#headers = headers
    this.#scheduler = scheduler
  }

  /** Bytes of the body so far, for the access log. */
  get bytes(): number {
    return this.#bytes
  }

  get hasBegun(): boolean {
    return this.#outgoing.headersSent
  }

  get #isHead(): boolean {
    return this.#outgoing.req.method === 'HEAD'
  }

  setHeader(name: string, value: string | string[]): void {
    this.#outgoing.setHeader(name, value)
  }

  json(value: GoJson, status = 200): void {
    this.#setHeaders()
    this.#end(status, `${goJson(value)}\n`)
  }

  error(status: number, message: string): void {
    this.json({ code: status, message }, status)
  }

  fail(error: unknown): void {
    const status = statusOf(error)
    if (status === 503) this.setHeader('Retry-After', '1')
    this.error(status, messageOf(error))
  }

  noContent(): void {
    this.#setHeaders()
    this.#end(204)
  }

  /** An answer of the router: no JSON, and none of the configured headers. */
  bare(status: number, body = ''): void {
    this.#end(status, body)
  }

  /**
   * One row a line. Nothing at all is 204, an error before the first row has a status of its own, one after it comes in the
   * trailer, where it is all that tells the client that rows are missing. `trailerOnSuccess`: the trailer is there, empty,
   * also when all went well. Ends the source when the client is gone, and after its first row when that is all that HEAD
   * needs. `spool`: the source goes on whether the client reads or not.
   */
  async rows(
    source: AsyncIterable<GoJson>,
    { trailerOnSuccess = true, spool }: { trailerOnSuccess?: boolean; spool?: AnswerSpool } = {},
  ): Promise<void> {
    const rows = source[Symbol.asyncIterator]()
    const first = await rows.next()
    if (first.done) return this.noContent()
    this.#setHeaders()
    if (this.#isHead) {
      await rows.return?.()
      return this.#end(200)
    }
    // HTTP 1.0 has no trailers; a stream that fails is then cut off.
    const hasTrailers = this.#outgoing.req.httpVersion !== '1.0'
    if (hasTrailers) this.#outgoing.setHeader('Trailer', trailer)
    this.#outgoing.writeHead(200)
    try {
      const complete = spool
        ? await this.#writeSpooled(first.value, rows, spool)
        : await this.#writeRows(first.value, rows)
      if (complete && trailerOnSuccess && hasTrailers) this.#outgoing.addTrailers({ [trailer]: '' })
    } catch (error) {
      if (!hasTrailers) {
        this.#outgoing.req.socket.destroy()
        return
      }
      this.#outgoing.addTrailers({ [trailer]: headerText(messageOf(error)) })
    }
    await this.#finish()
  }

  /** False when the client was gone before the last row. */
  async #writeRows(first: GoJson, rows: AsyncIterator<GoJson>): Promise<boolean> {
    const writer = new RowWriter(this.#outgoing, this.#scheduler, (text) => this.#write(text))
    try {
      return await this.#passRows(first, rows, (text) => writer.write(text))
    } finally {
      writer.flush()
    }
  }

  /** As `#writeRows`. */
  async #writeSpooled(first: GoJson, rows: AsyncIterator<GoJson>, spool: AnswerSpool): Promise<boolean> {
    const sent = this.#send(spool)
    // It is waited for below, whatever happens before.
    sent.catch(() => undefined)
    try {
      return await this.#passRows(first, rows, (text) => spool.push(text))
    } finally {
      spool.end()
      await sent
    }
  }

  async #passRows(
    first: GoJson,
    rows: AsyncIterator<GoJson>,
    take: (text: string) => Promise<void>,
  ): Promise<boolean> {
    for (let row = first; ; ) {
      await take(`${goJson(row)}\n`)
      if (this.#outgoing.destroyed) {
        await rows.return?.()
        return false
      }
      const next = await rows.next()
      if (next.done) return true
      row = next.value
    }
  }

  /** Sends what is spooled, which is one JSON value and complete. */
  async spooled(spool: AnswerSpool): Promise<void> {
    this.#setHeaders()
    this.#outgoing.setHeader('Content-Length', spool.length)
    this.#outgoing.writeHead(200)
    await this.#send(spool)
    await this.#finish()
  }

  async #send(spool: AnswerSpool): Promise<void> {
    for (let bytes = await spool.take(); bytes; bytes = await spool.take()) {
      if (this.#outgoing.destroyed) return
      this.#bytes += bytes.length
      // A client that is still sending need not read yet.
      if (!this.#outgoing.write(bytes)) await drained(this.#outgoing, this.#scheduler, spool.ended)
    }
  }

  #setHeaders(): void {
    const types: string[] = []
    for (const [name, values] of Object.entries(this.#headers)) {
      if (name.toLowerCase() === 'content-type') types.push(...values)
      else this.#outgoing.setHeader(name, values)
    }
    this.#outgoing.setHeader('Content-Type', [...types, 'application/json'])
  }

  #write(text: string): boolean {
    this.#bytes += Buffer.byteLength(text)
    return this.#outgoing.write(text)
  }

  /** Without the length of the body where nobody knows it: the rows of a list that is not read. */
  #end(status: number, text?: string): void {
    const body = this.#isHead ? '' : (text ?? '')
    this.#bytes += Buffer.byteLength(body)
    const hasLength = status !== 204 && (text !== undefined || !this.#isHead)
    if (hasLength) this.#outgoing.setHeader('Content-Length', Buffer.byteLength(text ?? ''))
    this.#outgoing.writeHead(status)
    if (isBodyOver(this.#outgoing.req)) {
      this.#outgoing.end(body)
      return
    }
    if (body === '') this.#outgoing.flushHeaders()
    else this.#outgoing.write(body)
    void this.#finish()
  }

  /** The answer is out; the connection stays for a while when the client is still sending, which has to read it first. */
  async #finish(): Promise<void> {
    const { req } = this.#outgoing
    await discardBody(req, this.#scheduler)
    if (isBodyOver(req)) this.#outgoing.end()
    else req.socket.destroy()
  }
}

/** Text as the bytes of UTF-8, which header fields carry as they are; they have no line breaks. */
function headerText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is replaced
  return Buffer.from(text.replace(/[\x00-\x1f\x7f]+/g, ' ')).toString('latin1')
}
