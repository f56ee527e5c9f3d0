/**
 * Writes lines, such as those of a log, to a place that may be full, closed, or not read. No line is worth more than the
 * program that writes it: what cannot be written is dropped and counted, and the next line that gets through is preceded
 * by the count.
 */
import { write } from 'node:fs'
import { messageOf } from '../error-text.ts'

/** Calls `done` once for each text, with the error that kept it from being written. */
export interface LineSink {
  /** Bytes that wait to be written. */
  readonly writableLength: number
  write(text: string, done: (error?: Error | null) => void): unknown
}

export interface LineWriterInit {
  sink: LineSink
  /** What a line is, for the sentence that counts those that were dropped. */
  what: string
  /** Bytes that may wait before lines are dropped. */
  maxWaiting: number
}

export function lineWriter({ sink, what, maxWaiting }: LineWriterInit): (line: string) => void {
  let dropped = 0
  let why = ''
  const drop = (count: number, reason: string) => {
    dropped += count
    why = reason
  }
  const send = (text: string, lines: number) => {
    try {
      sink.write(text, (error) => {
        if (error) drop(lines, messageOf(error))
      })
    } catch (error) {
      drop(lines, messageOf(error))
    }
  }
  return (line) => {
    if (sink.writableLength > maxWaiting) return drop(1, 'nobody read them in time')
    if (dropped > 0) {
      const count = dropped
      dropped = 0
      // The sentence stands for the lines that it counts: they are counted again when it does not get through.
      send(`(${count} ${what} dropped: ${why})\n`, count)
    }
    send(`${line}\n`, 1)
  }
}

/** Appends to an open file, one write after the other. Unlike a stream, it goes on after a write that failed. */
export class FileSink implements LineSink {
  readonly #descriptor: number
  #waiting = 0
  #last: Promise<void> = Promise.resolve()

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  get writableLength(): number {
    return this.#waiting
  }

  write(text: string, done: (error?: Error | null) => void): void {
    const bytes = Buffer.from(text)
    this.#waiting += bytes.length
    this.#last = this.#last.then(async () => {
      const error = await this.#append(bytes)
      this.#waiting -= bytes.length
      done(error)
    })
  }

  /** Resolves when nothing waits any more. */
  async settled(): Promise<void> {
    await this.#last
  }

  async #append(bytes: Uint8Array): Promise<Error | undefined> {
    for (let from = 0; from < bytes.length; ) {
      const written = await new Promise<number | Error>((resolve) => {
        write(this.#descriptor, bytes, from, bytes.length - from, null, (error, count) =>
          resolve(error ?? count),
        )
      })
      if (typeof written !== 'number') return written
      from += written
    }
    return undefined
  }
}
