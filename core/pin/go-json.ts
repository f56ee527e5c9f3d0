/**
 * JSON as Go writes it (`spec/rest-api.md` §5): `<`, `>`, `&` and the two line separators escaped in texts, maps sorted by
 * the bytes of their keys, 64-bit integers whole. All answers of the APIs are written with it.
 */
import { byUtf8 } from './utf8-order.ts'

/**
 * What can be written. Objects stand for Go's structs and keep the order of their keys, a property that is undefined is
 * left out; a `Map` stands for a Go map and is sorted.
 */
export type GoJson =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly GoJson[]
  | ReadonlyMap<string, GoJson>
  | { readonly [key: string]: GoJson | undefined }

/** One line of JSON, without a newline at the end. */
export function goJson(value: GoJson): string {
  if (typeof value === 'string') return text(value)
  if (typeof value === 'bigint') return value.toString()
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isList(value)) return `[${value.map(goJson).join(',')}]`
  if (value instanceof Map) return object([...value].sort(([a], [b]) => byUtf8(a, b)))
  return object(Object.entries(value))
}

/** Reads JSON; integers that a number cannot hold exactly come as bigint. Throws `SyntaxError`. */
export function parseGoJson(json: string): unknown {
  return JSON.parse(json, exactInteger)
}

const escapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
}

/** Texts that are written as they are. */
const plain = /^[ !#-%'-;=?-[\]-~]*$/

function text(value: string): string {
  if (plain.test(value)) return `"${value}"`
  return JSON.stringify(value.toWellFormed()).replace(/[<>&\u2028\u2029]/g, (char) => escapes[char] as string)
}

function object(entries: Iterable<readonly [string, GoJson | undefined]>): string {
  let members = ''
  for (const [key, value] of entries) {
    if (value === undefined) continue
    members += `${members === '' ? '' : ','}${text(key)}:${goJson(value)}`
  }
  return `{${members}}`
}

function isList(value: object): value is readonly GoJson[] {
  return Array.isArray(value)
}

function exactInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ''
  return /^-?\d+$/.test(source) ? BigInt(source) : value
}
