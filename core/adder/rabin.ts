/**
 * Content-defined chunking by Kubo's `rabin`: a Rabin fingerprint of 16 bytes modulo a polynomial of degree 53; a chunk
 * ends where its low bits are zero. Kubo starts each chunk with a window of zeros and a byte 1, and rolls it only from
 * 16 bytes before the least size on, which decides where chunks end.
 */
export interface RabinSizes {
  /** Bytes, at least 16. */
  min: number
  average: number
  max: number
}

const windowBytes = 16
const polynomial = 17437180132763653n
const degree = 53n

export function chunkByRabin({ min, average, max }: RabinSizes) {
  const mask = 2 ** Math.floor(Math.log2(average)) - 1
  return async function* (content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const tables = makeTables()
    const fingerprint = new Fingerprint(tables)
    const buffer = new Uint8Array(max)
    const silent = min - windowBytes
    let filled = 0
    for await (const bytes of content) {
      for (let offset = 0; offset < bytes.length; ) {
        if (filled < silent) {
          const piece = bytes.subarray(offset, offset + silent - filled)
          buffer.set(piece, filled)
          filled += piece.length
          offset += piece.length
          continue
        }
        const room = Math.min(bytes.length - offset, max - filled)
        const taken = fingerprint.roll(bytes.subarray(offset, offset + room), mask, Math.max(0, min - filled))
        buffer.set(bytes.subarray(offset, offset + taken.length), filled)
        filled += taken.length
        offset += taken.length
        if (!taken.cut && filled < max) continue
        yield buffer.slice(0, filled)
        filled = 0
        fingerprint.reset()
      }
    }
    if (filled > 0) yield buffer.slice(0, filled)
  }
}

/** The rolling fingerprint, in two halves of at most 32 bits, as numbers have 53 bits and bit operations 32. */
class Fingerprint {
  readonly #tables: Tables
  readonly #window = new Uint8Array(windowBytes)
  #position = 0
  #high = 0
  #low = 0

  constructor(tables: Tables) {
    this.#tables = tables
    this.reset()
  }

  reset(): void {
    this.#window.fill(0)
    this.#position = 0
    this.#high = 0
    this.#low = 0
    this.roll(Uint8Array.of(1), 0, 2)
  }

  /** Takes bytes until a boundary that is not among the first `least - 1`; tells how many and whether it ended there. */
  roll(bytes: Uint8Array, mask: number, least: number): { length: number; cut: boolean } {
    const { outHigh, outLow, modHigh, modLow } = this.#tables
    const window = this.#window
    let position = this.#position
    let high = this.#high
    let low = this.#low
    let length = 0
    let cut = false
    while (length < bytes.length && !cut) {
      const byte = bytes[length]!
      const out = window[position]!
      window[position] = byte
      position = (position + 1) % windowBytes
      high ^= outHigh[out]!
      low ^= outLow[out]!
      // The eight bits above degree − 8 choose what reduces the shifted value.
      const index = high >>> 13
      high = ((high << 8) | (low >>> 24)) ^ modHigh[index]!
      low = ((low << 8) | byte) ^ modLow[index]!
      length++
      cut = length >= least && (low & mask) === 0
    }
    this.#position = position
    this.#high = high
    this.#low = low
    return { length, cut }
  }
}

/** As signed numbers, which bit operations take without a detour. */
interface Tables {
  outHigh: Int32Array
  outLow: Int32Array
  modHigh: Int32Array
  modLow: Int32Array
}

function makeTables(): Tables {
  const half = () => new Int32Array(256)
  const tables: Tables = { outHigh: half(), outLow: half(), modHigh: half(), modLow: half() }
  for (let byte = 0; byte < 256; byte++) {
    const leaving = reduced(BigInt(byte) << BigInt(8 * (windowBytes - 1)))
    tables.outHigh[byte] = Number(leaving >> 32n)
    tables.outLow[byte] = Number(leaving & 0xffffffffn)
    const above = BigInt(byte) << degree
    const reducing = reduced(above) | above
    tables.modHigh[byte] = Number(reducing >> 32n)
    tables.modLow[byte] = Number(reducing & 0xffffffffn)
  }
  return tables
}

/** The remainder of a polynomial over GF(2). */
function reduced(value: bigint): bigint {
  let rest = value
  for (let shift = BigInt(rest.toString(2).length - 1) - degree; shift >= 0n; shift--) {
    if ((rest >> (shift + degree)) & 1n) rest ^= polynomial << shift
  }
  return rest
}
