/**
 * Texts of others (names of peers and pins, errors of nodes, paths in an answer) as they may stand in a line for people: in
 * a terminal, a log, a row that a script cuts. Control characters are escaped, so that no text moves a cursor or begins a
 * line of its own; so are the characters that turn the direction of writing or cannot be seen.
 */
export function harmlessText(text: string): string {
  return text.replace(harmful, escaped)
}

/** Control characters, line separators, marks of direction, and halves of characters. */
const harmful = /\p{Cc}|[\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]|\p{Cs}/gu

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escaped(character: string): string {
  return short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** A copy of `value` in which every text and every key is harmless. */
export function harmlessCopy<Value>(value: Value): Value {
  return copied(value) as Value
}

function copied(value: unknown): unknown {
  if (typeof value === 'string') return harmlessText(value)
  if (Array.isArray(value)) return value.map(copied)
  if (typeof value !== 'object' || value === null) return value
  const copy: Record<string, unknown> = Object.create(null)
  for (const [key, each] of Object.entries(value)) copy[harmlessText(key)] = copied(each)
  return copy
}
