/** A decoder of bytes from the network, good input for it, and what becomes of it under many broken inputs. */
import { heapStats } from 'bun:jsc'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { broken } from '../inputs.ts'

export interface Decoder {
  good: Uint8Array[]
  /** Names of the errors that it may throw or reject with. */
  errors: string[]
  decode(bytes: Uint8Array): unknown
}

export interface FuzzResult {
  inputs: number
  /** Of which it took none. */
  refused: number
  ms: number
  /** Bytes on the heap that were not there after the first tenth of the inputs. */
  heapGrowth: number
}

/** Rejects with the input, in hexadecimal digits, for which the decoder fails in another way than it may. */
export async function fuzz(
  name: string,
  { good, errors, decode }: Decoder,
  { inputs, seed }: { inputs: number; seed: number },
): Promise<FuzzResult> {
  const random = new SeededRandom(seed, 1)
  const warmUp = Math.floor(inputs / 10)
  const began = performance.now()
  let heapBefore = 0
  let refused = 0
  for (let count = 0; count < inputs; count++) {
    if (count === warmUp) heapBefore = heapBytes()
    const bytes = broken(random.pick(good), random)
    try {
      // Most are synchronous, and waiting for each would take longer than decoding it.
      const decoded = decode(bytes)
      if (decoded instanceof Promise) await decoded
    } catch (error) {
      refused++
      if (!(error instanceof Error) || !errors.includes(error.name) || isExhausted(error)) {
        throw new Error(`${name}: ${Buffer.from(bytes).toString('hex')}`, { cause: error })
      }
    }
  }
  return { inputs, refused, ms: performance.now() - began, heapGrowth: heapBytes() - heapBefore }
}

/** Too deep, or too much: what a decoder must notice before the runtime does. */
function isExhausted({ message }: Error): boolean {
  return /call stack|out of memory|invalid array length/i.test(message)
}

function heapBytes(): number {
  Bun.gc(true)
  Bun.gc(true)
  const { heapSize, extraMemorySize } = heapStats()
  return heapSize + extraMemorySize
}

/** The content in pieces of all sizes, as a stream brings it. */
export async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 509) {
    yield bytes.subarray(at, at + size)
  }
}

export function textBytes(...texts: string[]): Uint8Array[] {
  return texts.map((text) => new TextEncoder().encode(text))
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}
