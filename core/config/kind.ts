/**
 * The kinds of value that a setting can have: how each is written in service.json and in an environment variable
 * (`spec/config.md §3`), and how it is told to a user what is allowed.
 */
import { multiaddr } from '@multiformats/multiaddr'
import { formatDuration, parseDuration } from '../pin/duration.ts'
import { authorizationHeader } from '../runtime/authorization.ts'
import { parseEndpoint } from '../runtime/endpoint.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export interface Kind<Value> {
  /** Completes "must be …". */
  readonly what: string
  /** What an absent key means where absence does not mean the default. */
  readonly zero: Value
  /** True where an empty text is the same as nothing; an error for the others. */
  readonly mayBeEmpty: boolean
  /** Undefined when the JSON is not of this kind. */
  fromJson(json: Json): Value | undefined
  /** Undefined when the text of a variable is not of this kind. */
  fromText(text: string): Value | undefined
  toJson(value: Value): Json
}

export const text: Kind<string> = {
  what: 'a text',
  zero: '',
  mayBeEmpty: true,
  fromJson: (json) => (typeof json === 'string' ? json : undefined),
  fromText: (written) => written,
  toJson: (value) => value,
}

/** Who asks Kubo, see `authorizationHeader`. */
export const authorization: Kind<string> = {
  what: '"bearer:<token>" or "basic:<user>:<password>", as in API.Authorizations of Kubo, or empty for none',
  zero: '',
  mayBeEmpty: true,
  fromJson: (json) => (typeof json === 'string' ? knownAuthorization(json) : undefined),
  fromText: knownAuthorization,
  toJson: (value) => value,
}

function knownAuthorization(written: string): string | undefined {
  const trimmed = written.trim()
  return trimmed === '' || authorizationHeader(trimmed) !== undefined ? trimmed : undefined
}

/** One of some words. */
export function choice<const Word extends string>(...words: Word[]): Kind<Word> {
  const chosen = (written: unknown) => words.find((word) => word === written)
  return {
    what: words.map((word) => `"${word}"`).join(' or '),
    zero: words[0]!,
    mayBeEmpty: true,
    fromJson: chosen,
    fromText: chosen,
    toJson: (value) => value,
  }
}

export const boolean: Kind<boolean> = {
  what: 'true or false',
  zero: false,
  mayBeEmpty: false,
  fromJson: (json) => (typeof json === 'boolean' ? json : undefined),
  fromText: (written) => booleanWords[written],
  toJson: (value) => value,
}

export const integer: Kind<number> = {
  what: 'a whole number',
  zero: 0,
  mayBeEmpty: false,
  fromJson: (json) => (Number.isSafeInteger(json) ? (json as number) : undefined),
  fromText(written) {
    const parts = /^([+-]?)(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|0|[1-9]\d*)$/.exec(written)
    if (!parts) return undefined
    // Go reads a leading 0 as octal, JavaScript does not.
    const value = Number(parts[2]!.replace(/^0(?=[0-7])/, '0o')) * (parts[1] === '-' ? -1 : 1)
    return Number.isSafeInteger(value) ? value : undefined
  },
  toJson: (value) => value,
}

export const decimal: Kind<number> = {
  what: 'a number',
  zero: 0,
  mayBeEmpty: false,
  fromJson: (json) => (typeof json === 'number' && Number.isFinite(json) ? json : undefined),
  fromText(written) {
    const value = written.trim() === '' ? Number.NaN : Number(written)
    return Number.isFinite(value) ? value : undefined
  },
  toJson: (value) => value,
}

/** In milliseconds here, in Go's notation outside. */
export const duration: Kind<number> = {
  what: 'a duration such as "1h30m", "15s" or "200ms"',
  zero: 0,
  mayBeEmpty: true,
  fromJson: (json) => (typeof json === 'string' ? durationOf(json) : undefined),
  fromText: (written) => durationOf(written),
  toJson: (value) => formatDuration(BigInt(Math.round(value * 1e6))),
}

export const address: Kind<string> = {
  what: 'a multiaddr such as "/ip4/127.0.0.1/tcp/9094"',
  zero: '',
  mayBeEmpty: true,
  fromJson: (json) => (typeof json === 'string' && isAddress(json) ? json : undefined),
  fromText: (written) => (isAddress(written) ? written : undefined),
  toJson: (value) => value,
}

export const webAddress: Kind<string> = {
  ...address,
  what: 'an address such as "https://gateway.example"',
  fromJson: (json) => (typeof json === 'string' && isWebAddress(json) ? json : undefined),
  fromText: (written) => (isWebAddress(written) ? written : undefined),
}

/** Where an HTTP service is reached or listens. */
export const endpoint: Kind<string> = {
  ...address,
  what: 'a TCP or unix multiaddr such as "/ip4/127.0.0.1/tcp/9094" or "/unix//run/cluster.sock"',
  fromJson: (json) => (typeof json === 'string' && isEndpoint(json) ? json : undefined),
  fromText: (written) => (isEndpoint(written) ? written : undefined),
}

/** An array in JSON; in a variable comma separated, or the same JSON. */
export function listOf(item: Kind<string>): Kind<string[]> {
  const all = (items: (string | undefined)[]) => (items.includes(undefined) ? undefined : (items as string[]))
  return {
    what: item === text ? 'a list of texts' : `a list, each ${item.what}`,
    zero: [],
    mayBeEmpty: true,
    fromJson: (json) => (Array.isArray(json) ? all(json.map((each) => item.fromJson(each))) : undefined),
    fromText(written) {
      if (written.startsWith('[')) {
        const json = jsonIn(written)
        return Array.isArray(json) ? all(json.map((each) => item.fromJson(each))) : undefined
      }
      return isInQuotes(written) ? undefined : all(partsOf(written).map((each) => item.fromText(each)))
    },
    toJson: (value) => value,
  }
}

/** One text or an array of them; a single one is written as a text (`spec/config.md §2`, rule 6). */
export function oneOrMore(item: Kind<string>): Kind<string[]> {
  const list = listOf(item)
  return {
    ...list,
    what: `${item.what}, or a list of such`,
    fromJson(json) {
      if (typeof json !== 'string') return list.fromJson(json)
      return json === '' ? [] : list.fromJson([json])
    },
    toJson: (value) => (value.length === 1 ? value[0]! : value),
  }
}

export const dictionary: Kind<Record<string, string>> = {
  what: 'an object of texts (in a variable: key:value, comma separated, without quotes or braces around them; or JSON)',
  zero: {},
  mayBeEmpty: true,
  fromJson: (json) => entriesFromJson(json, text.fromJson),
  fromText: (written) => entriesFromText(written, text.fromText, text.fromJson),
  toJson: (value) => value,
}

/** Absent and `null` are not the same as `{}`: they mean that the feature is off. */
export const optionalDictionary: Kind<Record<string, string> | null> = {
  ...dictionary,
  zero: null,
  toJson: (value) => value,
}

export const dictionaryOfLists: Kind<Record<string, string[]>> = {
  what: 'an object of lists of texts (in a variable: key:value, comma separated, without quotes or braces around them; or JSON)',
  zero: {},
  mayBeEmpty: true,
  fromJson: (json) => entriesFromJson(json, listOf(text).fromJson),
  fromText: (written) => entriesFromText(written, (value) => [value], listOf(text).fromJson),
  toJson: (value) => value,
}

/** Carried along and never interpreted: options of datastores that this program does not have. */
export const opaque: Kind<Json> = {
  what: 'any JSON',
  zero: null,
  mayBeEmpty: false,
  fromJson: (json) => json,
  fromText: () => undefined,
  toJson: (value) => value,
}

const booleanWords: Record<string, boolean> = Object.fromEntries([
  ...['1', 't', 'T', 'TRUE', 'true', 'True'].map((word) => [word, true]),
  ...['0', 'f', 'F', 'FALSE', 'false', 'False'].map((word) => [word, false]),
])

function durationOf(written: string): number | undefined {
  try {
    return Number(parseDuration(written)) / 1e6
  } catch {
    return undefined
  }
}

function isAddress(written: string): boolean {
  if (parseEndpoint(written)) return true
  try {
    multiaddr(written)
    return written !== '' && written !== '/'
  } catch {
    return false
  }
}

function isWebAddress(written: string): boolean {
  return /^https?:\/\//i.test(written) && URL.canParse(written)
}

function isEndpoint(written: string): boolean {
  return parseEndpoint(written) !== undefined
}

function entriesFromJson<Value>(
  json: Json,
  read: (json: Json) => Value | undefined,
): Record<string, Value> | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined
  return collect(Object.entries(json), read)
}

/** The first colon splits (`spec/config.md §3`). What begins with a brace is JSON, or a mistake. */
function entriesFromText<Value>(
  written: string,
  read: (text: string) => Value | undefined,
  readJson: (json: Json) => Value | undefined,
): Record<string, Value> | undefined {
  if (written.startsWith('{')) return entriesFromJson(jsonIn(written) ?? null, readJson)
  if (isInQuotes(written)) return undefined
  const pairs: [string, string][] = []
  for (const pair of partsOf(written)) {
    const colon = pair.indexOf(':')
    const key = pair.slice(0, colon).trim()
    if (colon === -1 || key === '') return undefined
    pairs.push([key, pair.slice(colon + 1).trim()])
  }
  return collect(pairs, read)
}

/** Comma separated; blanks around a part are no part of it, and a comma at the end is none. */
function partsOf(written: string): string[] {
  return written
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** Quotes that a shell would have taken away, and other places do not. */
function isInQuotes(written: string): boolean {
  return /^(["']).*\1$/s.test(written)
}

function jsonIn(written: string): Json | undefined {
  try {
    return JSON.parse(written)
  } catch {
    return undefined
  }
}

function collect<Written, Value>(
  entries: [string, Written][],
  read: (written: Written) => Value | undefined,
): Record<string, Value> | undefined {
  // Without a prototype, so that no key is special.
  const values: Record<string, Value> = Object.create(null)
  for (const [key, written] of entries) {
    const value = read(written)
    if (value === undefined) return undefined
    values[key] = value
  }
  return values
}
