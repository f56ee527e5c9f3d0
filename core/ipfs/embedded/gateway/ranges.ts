/** The part of the content that a `Range` header asks for (RFC 9110, section 14). */
import type { ByteRange } from '../dag/unixfs-reader.ts'
import { GatewayError } from './errors.ts'

/**
 * The first range, as with Kubo: several in one answer are not offered. Undefined when all is to be sent: nothing is
 * asked, it cannot be read, or the ranges are more than the whole. Throws `GatewayError` (416) when there is no such part.
 */
export function readRange(header: string | undefined, size: number): ByteRange | undefined {
  const list = /^bytes=(.+)$/.exec(header?.trim() ?? '')?.[1]
  if (list === undefined || size === 0) return undefined
  const ranges: ByteRange[] = []
  for (const text of list.split(',')) {
    if (text.trim() === '') continue
    const range = readOne(text.trim(), size)
    if (range === undefined) return undefined
    if (range.start < range.end) ranges.push(range)
  }
  const [first] = ranges
  if (first === undefined) {
    throw new GatewayError(416, `the content has ${size} bytes`, { 'content-range': `bytes */${size}` })
  }
  const sum = ranges.reduce((bytes, { start, end }) => bytes + end - start, 0)
  return sum > size ? undefined : first
}

/** Empty when it begins after the last byte; undefined when it is none. */
function readOne(text: string, size: number): ByteRange | undefined {
  const match = /^(\d{0,16})-(\d{0,16})$/.exec(text)
  if (match === null || (match[1] === '' && match[2] === '')) return undefined
  const [first, last] = [match[1]!, match[2]!]
  if (first === '') return { start: Math.max(0, size - Number(last)), end: size }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return undefined
  return { start, end: last === '' ? size : Math.min(size, Number(last) + 1) }
}
