/**
 * An answer that is made faster than its client reads. A client that sends its whole request before it reads anything must
 * not hold up the peer, which would then hold up the client: so what it does not take goes to a file, and memory stays bounded.
 */
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'

/** Characters that wait in memory before the file is used, and that are written to it at once; bytes that are read at once. */
const memoryLength = 64 * 1024

/** For one writer and one reader. */
export class AnswerSpool implements AsyncDisposable {
  readonly #folder: string
  readonly #ended = Promise.withResolvers<void>()
  #file: FileHandle | undefined
  /** Before what is in the file. */
  #front = ''
  /** After what is in the file. */
  #back = ''
  #readBytes = 0
  #writtenBytes = 0
  #length = 0
  #isEnded = false
  #news = Promise.withResolvers<void>()

  /** The file is made in `folder` when it is needed, and has no name there. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** Bytes of all that was pushed. */
  get length(): number {
    return this.#length
  }

  /** Resolves when no more comes. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /** Resolves when the next text may come, whatever the reader does. Rejects when the file cannot be written. */
  async push(text: string): Promise<void> {
    this.#length += Buffer.byteLength(text)
    const isFileEmpty = this.#readBytes === this.#writtenBytes
    if (isFileEmpty && this.#back === '' && this.#front.length < memoryLength) this.#front += text
    else this.#back += text
    if (this.#back.length >= memoryLength) await this.#spill()
    this.#wake()
  }

  end(): void {
    this.#isEnded = true
    this.#ended.resolve()
    this.#wake()
  }

  /** What comes next, as much as is at hand up to a bound; undefined at the end. */
  async take(): Promise<Buffer | undefined> {
    for (;;) {
      // What is pushed while the file is read is not lost: it is looked for once more.
      const wasEnded = this.#isEnded
      const bytes = await this.#next()
      if (bytes !== undefined || wasEnded) return bytes
      await this.#news.promise
      this.#news = Promise.withResolvers()
      // What comes in one go is sent in one go.
      await new Promise((resolve) => {
        setImmediate(resolve)
      })
    }
  }

  async #next(): Promise<Buffer | undefined> {
    if (this.#front !== '') {
      const bytes = Buffer.from(this.#front)
      this.#front = ''
      return bytes
    }
    if (this.#readBytes < this.#writtenBytes) return this.#read()
    if (this.#back === '') return undefined
    const bytes = Buffer.from(this.#back)
    this.#back = ''
    return bytes
  }

  async #read(): Promise<Buffer> {
    const wanted = Math.min(memoryLength, this.#writtenBytes - this.#readBytes)
    const { bytesRead, buffer } = await this.#file!.read(Buffer.alloc(wanted), 0, wanted, this.#readBytes)
    if (bytesRead === 0) throw new Error('the rest of the answer cannot be read back from its file')
    this.#readBytes += bytesRead
    return buffer.subarray(0, bytesRead)
  }

  async #spill(): Promise<void> {
    const bytes = Buffer.from(this.#back)
    this.#back = ''
    this.#file ??= await openNameless(this.#folder)
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.#file.write(bytes, at, bytes.length - at, this.#writtenBytes + at)
      at += bytesWritten
    }
    this.#writtenBytes += bytes.length
  }

  #wake(): void {
    this.#news.resolve()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end()
    await this.#file?.close()
  }
}

/** The file is gone when it is closed, also by the end of the process. */
async function openNameless(folder: string): Promise<FileHandle> {
  const path = join(folder, `.answer-${randomUUID()}`)
  const file = await open(path, 'wx+', 0o600)
  await unlink(path)
  return file
}
