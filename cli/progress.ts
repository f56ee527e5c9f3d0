/** One line on a terminal that tells how far something is. Where there is no terminal it says nothing. */
import type { Progress } from '../commands/session.ts'

/** Milliseconds between two drawings. */
const pace = 100

/** Characters of the bar. */
const barWidth = 24

export interface ProgressStream {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
}

export class TerminalProgress implements Progress {
  readonly #title: string
  readonly #stream: ProgressStream
  #drawnAt = 0
  #isDrawn = false

  constructor(title: string, stream: ProgressStream) {
    this.#title = title
    this.#stream = stream
  }

  update(text: string, part?: number): void {
    const now = performance.now()
    if (!this.#stream.isTTY || (this.#drawnAt > 0 && now - this.#drawnAt < pace)) return
    this.#drawnAt = now
    const bar = part === undefined ? '' : ` ${barOf(part)}`
    const line = `${this.#title}${bar} ${text}`.slice(0, (this.#stream.columns || 80) - 1)
    this.#stream.write(`\r\u001b[2K${line}`)
    this.#isDrawn = true
  }

  /** Clears the line, so that something else can be written; the next update draws it again. */
  pause(): void {
    if (!this.#isDrawn) return
    this.#stream.write('\r\u001b[2K')
    this.#isDrawn = false
    this.#drawnAt = 0
  }

  [Symbol.dispose](): void {
    this.pause()
  }
}

function barOf(part: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, part)) * barWidth)
  return `[${'='.repeat(filled)}${' '.repeat(barWidth - filled)}] ${Math.floor(part * 100)}%`
}
