/** The cluster secret: 32 bytes as 64 hex digits, or nothing for a network without protection (`spec/config.md §4.1`). */
import type { Random } from '../runtime/ports.ts'
import type { Kind } from './kind.ts'

/** Bytes of the key of the private network. */
const secretBytes = 32

export const secret: Kind<string> = {
  what: `${secretBytes * 2} hex digits (${secretBytes} bytes), or empty for no private network`,
  zero: '',
  mayBeEmpty: true,
  fromJson: (json) => (typeof json === 'string' ? normalised(json) : undefined),
  fromText: normalised,
  toJson: (value) => value,
}

export function createSecret(random: Random): string {
  return random.bytes(secretBytes).toHex()
}

/** Lower case, without the blanks and line breaks around it that files bring along; undefined when `text` is no secret. */
export function normalised(text: string): string | undefined {
  const trimmed = text.trim()
  return /^([0-9a-fA-F]{64})?$/.test(trimmed) ? trimmed.toLowerCase() : undefined
}
