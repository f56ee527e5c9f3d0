/** JSON as files have it: where it is broken, and its numbers as they were written. */
import type { Json } from './kind.ts'

/** Line and column, from 1, at which `text` stops being JSON; undefined when it is JSON. */
export function placeOfJsonError(text: string): { line: number; column: number } | undefined {
  const scanner = new Scanner(text)
  if (scanner.document()) return undefined
  const before = text.slice(0, scanner.at)
  return { line: before.split('\n').length, column: scanner.at - before.lastIndexOf('\n') }
}

/** Parses so that stringifying writes back the same numbers, whatever their size. Throws `SyntaxError`. */
export function parseKeepingNumbers(text: string): Json {
  return JSON.parse(text, (_key, value: Json, context?: { source?: string }) => {
    const source = context?.source
    return typeof value === 'number' && source !== undefined && String(value) !== source
      ? rawJson(source)
      : value
  })
}

function rawJson(source: string): Json {
  return (JSON as unknown as { rawJSON(source: string): Json }).rawJSON(source)
}

/** Goes forward while the text is JSON; `at` is then where it ceased to be. */
class Scanner {
  at = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  document(): boolean {
    return this.#value(0) && this.#blank() && this.at === this.#text.length
  }

  #value(depth: number): boolean {
    this.#blank()
    if (depth > 512) return false
    if (this.#take('{')) return this.#items('}', () => this.#member(depth))
    if (this.#take('[')) return this.#items(']', () => this.#value(depth + 1))
    return this.#match(string) || this.#match(scalar)
  }

  #member(depth: number): boolean {
    this.#blank()
    if (!this.#match(string)) return false
    this.#blank()
    return this.#take(':') && this.#value(depth + 1)
  }

  #items(end: string, item: () => boolean): boolean {
    this.#blank()
    if (this.#take(end)) return true
    for (;;) {
      if (!item()) return false
      this.#blank()
      if (this.#take(end)) return true
      if (!this.#take(',')) return false
    }
  }

  #blank(): boolean {
    return this.#match(/[ \t\r\n]*/y)
  }

  #take(character: string): boolean {
    if (this.#text[this.at] !== character) return false
    this.at++
    return true
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.at
    const found = pattern.exec(this.#text)
    if (found === null) return false
    this.at += found[0].length
    return true
  }
}

const string = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|(?:true|false|null)(?!\w)/y
