/** Cuts the bytes of a file into the leaves of its DAG, by the words of Kubo's `--chunker`. */
import { chunkByBuzhash } from './buzhash.ts'
import { ChunkerError } from './errors.ts'
import { chunkByRabin } from './rabin.ts'

export type Chunker = (content: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>

/** Bytes of the largest chunk: a block of 2 MiB less what wraps a chunk in it, as in Kubo. */
export const maxChunkBytes = 2 * 1024 * 1024 - 256
export const defaultChunkBytes = 256 * 1024

/**
 * `size-<bytes>`, `buzhash`, `rabin`, `rabin-<average>`, `rabin-<min>-<average>-<max>`; empty or `default` is
 * `size-262144`. Rejects with `ChunkerError`.
 */
export function chunkerNamed(words: string): Chunker {
  if (words === '' || words === 'default') return chunkBySize(defaultChunkBytes)
  const [name, ...sizes] = words.split('-')
  if (name === 'size') return chunkBySize(fixedSize(sizes))
  if (name === 'buzhash') return chunkByBuzhash
  if (name === 'rabin') return chunkByRabin(rabinSizes(sizes))
  throw new ChunkerError(`unrecognized chunker option: ${words}`)
}

function fixedSize(sizes: string[]): number {
  if (sizes.length !== 1) {
    throw new ChunkerError('incorrect chunker string format (expected size-{size})')
  }
  const size = wholeNumber(sizes[0]!)
  if (size <= 0) throw new ChunkerError('chunker size must be greater than 0')
  return atMostMax(size)
}

function rabinSizes(sizes: string[]): { min: number; average: number; max: number } {
  if (sizes.length === 0) return rabinAround(defaultChunkBytes)
  if (sizes.length === 1) return rabinAround(wholeNumber(sizes[0]!))
  if (sizes.length !== 3) {
    throw new ChunkerError("incorrect format (expected 'rabin' 'rabin-[avg]' or 'rabin-[min]-[avg]-[max]')")
  }
  const [min, average, max] = ['min', 'avg', 'max'].map((label, index) => {
    const [first, second] = sizes[index]!.split(':')
    if (second !== undefined && first !== label) {
      throw new ChunkerError(`incorrect format: the label ${label} is expected, not ${first}`)
    }
    return wholeNumber(second ?? first!)
  }) as [number, number, number]
  if (min >= average) throw new ChunkerError('incorrect format: rabin-min must be smaller than rabin-avg')
  if (average >= max) throw new ChunkerError('incorrect format: rabin-avg must be smaller than rabin-max')
  return checkedRabin(min, average, max)
}

function rabinAround(average: number) {
  return checkedRabin(Math.floor(average / 3), average, average + Math.floor(average / 2))
}

function checkedRabin(min: number, average: number, max: number) {
  // Shorter than the window there is nothing to roll.
  if (min < 16) throw new ChunkerError('rabin min must be greater than 16')
  return { min, average, max: atMostMax(max) }
}

function atMostMax(size: number): number {
  if (size <= maxChunkBytes) return size
  throw new ChunkerError(`chunker parameters may not exceed the maximum chunk size of ${maxChunkBytes}`)
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text))
    throw new ChunkerError(`chunker size is not a number: ${JSON.stringify(text)}`)
  return Number(text)
}

/** Chunks of `size` bytes, the last one shorter. Bytes are copied only where a chunk spans two of the source's pieces. */
function chunkBySize(size: number): Chunker {
  return async function* (content) {
    let pieces: Uint8Array[] = []
    let length = 0
    for await (const bytes of content) {
      let offset = 0
      while (offset < bytes.length) {
        const piece = bytes.subarray(offset, offset + size - length)
        pieces.push(piece)
        length += piece.length
        offset += piece.length
        if (length < size) continue
        yield joined(pieces, length)
        pieces = []
        length = 0
      }
    }
    if (length > 0) yield joined(pieces, length)
  }
}

function joined(pieces: Uint8Array[], length: number): Uint8Array {
  const only = pieces.length === 1 ? pieces[0]! : undefined
  // A small view would keep the whole buffer that it was read into.
  if (only && only.length * 4 >= only.buffer.byteLength) return only
  return Buffer.concat(pieces, length)
}
