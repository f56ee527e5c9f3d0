/** One line for each request in Apache's common log format, to a file or to the logger (`spec/rest-api.md` §1). */
import { type FileHandle, open } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { FileSink, lineWriter } from '../../runtime/line-writer.ts'
import type { Clock, Logger } from '../../runtime/ports.ts'

/** Bytes of lines that may wait for the disk; lines beyond them are dropped and counted. */
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
  readonly #writeLine: (line: string) => void
  readonly #file: { handle: FileHandle; sink: FileSink } | undefined

  private constructor({ clock, logger }: AccessLogInit, handle: FileHandle | undefined) {
    this.#clock = clock
    if (handle === undefined) {
      this.#writeLine = (line) => logger.info(line)
      return
    }
    const sink = new FileSink(handle.fd)
    this.#file = { handle, sink }
    this.#writeLine = lineWriter({ sink, what: 'requests', maxWaiting: maxWaitingBytes })
  }

  /** Rejects when the file cannot be opened. */
  static async open(init: AccessLogInit): Promise<AccessLog> {
    return new AccessLog(init, init.file === undefined ? undefined : await open(init.file, 'a', 0o644))
  }

  write({ incoming, host, status, bytes }: LoggedRequest): void {
    const { method, url = '', httpVersion } = incoming
    const time = commonLogTime(this.#clock.now())
    const request = `${method} ${harmless(url)} HTTP/${httpVersion}`
    this.#writeLine(`${host || '-'} - - [${time}] "${request}" ${status} ${bytes}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file?.sink.settled()
    await this.#file?.handle.close()
  }
}

/** A log is read by shells and terminals too, by mistake or by design: nothing that a stranger sends may act there. */
function harmless(url: string): string {
  return url.replace(/[^\x21-\x7e]|["$`\\]/gu, (character) => {
    const code = character.codePointAt(0)!
    // A byte of the request as it came; anything else has been through a parser.
    return code <= 0xff
      ? `%${code.toString(16).toUpperCase().padStart(2, '0')}`
      : encodeURIComponent(character)
  })
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `23/Nov/2026:00:46:25 +0000` */
function commonLogTime(time: number): string {
  const [date = '', clock = ''] = new Date(time).toISOString().split('T')
  const [year, month, day] = date.split('-')
  return `${day}/${months[Number(month) - 1]}/${year}:${clock.slice(0, 8)} +0000`
}
