/** One line for each request in Apache's common log format, to a file or to the logger (`spec/rest-api.md` §1). */
import { createWriteStream, type WriteStream } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import type { Clock, Logger } from '../../runtime/ports.ts'

/** Bytes of lines that may wait for the disk; lines beyond them are left out. */
const maxWaitingBytes = 1024 * 1024

export interface AccessLogInit {
  clock: Clock
  logger: Logger
  /** Absolute path; undefined = to the logger. */
  file: string | undefined
}

export interface LoggedRequest {
  incoming: IncomingMessage
  /** Kept from the begin, as a closed connection has none. */
  host: string
  status: number
  bytes: number
}

export class AccessLog implements AsyncDisposable {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #file: WriteStream | undefined

  private constructor({ clock, logger }: AccessLogInit, file: WriteStream | undefined) {
    this.#clock = clock
    this.#logger = logger
    this.#file = file
    file?.on('error', (error) => logger.error(`the access log cannot be written: ${error.message}`))
  }

  /** Rejects when the file cannot be opened. */
  static async open(init: AccessLogInit): Promise<AccessLog> {
    const { file } = init
    if (file === undefined) return new AccessLog(init, undefined)
    const stream = createWriteStream(file, { flags: 'a', mode: 0o644 })
    await new Promise<void>((resolve, reject) => stream.once('open', () => resolve()).once('error', reject))
    return new AccessLog(init, stream)
  }

  write({ incoming, host, status, bytes }: LoggedRequest): void {
    const { method, url = '', httpVersion } = incoming
    const time = commonLogTime(this.#clock.now())
    const request = `${method} ${url.replaceAll('"', '%22')} HTTP/${httpVersion}`
    const line = `${host || '-'} - - [${time}] "${request}" ${status} ${bytes}`
    if (!this.#file) this.#logger.info(line)
    else if (this.#file.writableLength < maxWaitingBytes) this.#file.write(`${line}\n`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const file = this.#file
    if (file && !file.destroyed) await new Promise<void>((resolve) => file.end(() => resolve()))
  }
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `23/Nov/2026:00:46:25 +0000` */
function commonLogTime(time: number): string {
  const [date = '', clock = ''] = new Date(time).toISOString().split('T')
  const [year, month, day] = date.split('-')
  return `${day}/${months[Number(month) - 1]}/${year}:${clock.slice(0, 8)} +0000`
}
