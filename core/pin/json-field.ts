/** Reads one key of a JSON object, with an error that tells all a user needs. */
import { InvalidPinError } from './errors.ts'

const MAX_SHOWN = 80

/**
 * The value of `key` as `parse` reads it; undefined when the key is absent or null, or `parse` gives null. Throws
 * `InvalidPinError` when `parse` gives undefined or throws.
 */
export function readField<T>(
  json: Record<string, unknown>,
  key: string,
  allowed: string,
  parse: (value: unknown) => T | null | undefined,
): T | undefined {
  const value = Object.hasOwn(json, key) ? json[key] : undefined
  if (value === undefined || value === null) return undefined
  let parsed: T | null | undefined
  let why = ''
  try {
    parsed = parse(value)
  } catch (cause) {
    why = cause instanceof Error ? ` (${cause.message})` : ''
  }
  if (parsed === undefined) {
    throw new InvalidPinError(`key ${JSON.stringify(key)} is ${shown(value)}: expected ${allowed}${why}`)
  }
  return parsed ?? undefined
}

function shown(value: unknown): string {
  const text = typeof value === 'bigint' ? `${value}` : JSON.stringify(value)
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text
}
