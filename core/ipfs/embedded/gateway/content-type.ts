/** The media type of a file: by the extension of its name, else by its first bytes. */
import { getMimeType } from 'hono/utils/mime'

/** How many first bytes are looked at. */
export const sniffLength = 3_072

export function typeOfName(name: string | undefined): string | undefined {
  return name === undefined ? undefined : getMimeType(name.toLowerCase())
}

/** `whole`: nothing comes after these bytes. */
export function typeOfBytes(first: Uint8Array, whole: boolean): string {
  const known = signatures.find(({ at = 0, bytes }) =>
    bytes.every((byte, index) => first[at + index] === byte),
  )
  if (known) return known.type
  const text = asText(first)
  if (text === undefined) return 'application/octet-stream'
  if (/^\s*(<!doctype html|<html)/i.test(text)) return 'text/html; charset=utf-8'
  return isJson(text, whole) ? 'application/json' : 'text/plain; charset=utf-8'
}

/** An object or a list. Of a long one, the beginning has to do. */
function isJson(text: string, whole: boolean): boolean {
  if (!whole) return /^\s*(\[\s*)?\{\s*"[^"\\]*"\s*:/.test(text)
  if (!/^\s*[{[]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

const ascii = (text: string) => [...text].map((sign) => sign.charCodeAt(0))

const signatures: { at?: number; bytes: number[]; type: string }[] = [
  { bytes: [0x89, ...ascii('PNG\r\n'), 0x1a, 0x0a], type: 'image/png' },
  { bytes: [0xff, 0xd8, 0xff], type: 'image/jpeg' },
  { bytes: ascii('GIF8'), type: 'image/gif' },
  { at: 8, bytes: ascii('WEBP'), type: 'image/webp' },
  { at: 8, bytes: ascii('WAVE'), type: 'audio/wav' },
  { bytes: ascii('%PDF-'), type: 'application/pdf' },
  { at: 4, bytes: ascii('ftypavif'), type: 'image/avif' },
  { at: 4, bytes: ascii('ftyp'), type: 'video/mp4' },
  { bytes: [0x1a, 0x45, 0xdf, 0xa3], type: 'video/webm' },
  { bytes: ascii('OggS'), type: 'application/ogg' },
  { bytes: ascii('ID3'), type: 'audio/mpeg' },
  { bytes: ascii('PK\x03\x04'), type: 'application/zip' },
  { bytes: [0x1f, 0x8b], type: 'application/gzip' },
  { bytes: [0, ...ascii('asm')], type: 'application/wasm' },
]

/** Undefined when it is not UTF-8 or has control characters. A character that is cut off at the end is no fault. */
function asText(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    return /[\u0000-\u0008\u000e-\u001a\u001c-\u001f]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}
