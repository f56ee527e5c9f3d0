/** Broken messages made from good ones, and from nothing, by a seeded generator. */
import type { SeededRandom } from '../sim/seeded-random.ts'

/** Changes of a good message that decoders get wrong. */
const changes: ((good: Uint8Array, random: SeededRandom) => Uint8Array)[] = [
  (good) => good,
  (good, random) => good.subarray(0, random.between(0, good.length)),
  (good, random) => Buffer.concat([good, random.bytes(random.between(1, 64))]),
  (good, random) => Buffer.concat([good, good, good.subarray(0, random.between(0, good.length))]),
  flipBits,
  overwrite,
  hugeLength,
  (_good, random) => random.bytes(random.between(1, 512)),
  (_good, random) => new Uint8Array(random.between(1, 4_096)).fill(random.pick([0, 0xff, 0x0a, 0x80, 0xc0])),
]

export function broken(good: Uint8Array, random: SeededRandom): Uint8Array {
  return random.pick(changes)(good, random)
}

function flipBits(good: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = Uint8Array.from(good)
  for (let flips = random.between(1, 8); flips > 0 && bytes.length > 0; flips--) {
    bytes[random.between(0, bytes.length - 1)]! ^= 1 << random.between(0, 7)
  }
  return bytes
}

function overwrite(good: Uint8Array, random: SeededRandom): Uint8Array {
  const bytes = Uint8Array.from(good)
  const at = random.between(0, bytes.length)
  bytes.set(random.bytes(Math.min(random.between(0, 16), bytes.length - at)), at)
  return bytes
}

/** A varint, or the first byte of a msgpack length, that promises far more than comes. */
function hugeLength(good: Uint8Array, random: SeededRandom): Uint8Array {
  const length = random.pick([
    'ffffffff0f',
    'ffffffffffffffff7f',
    '80808004',
    'dbffffffff',
    'ddffffffff',
    'dfffffffff',
  ])
  const at = random.between(0, Math.min(8, good.length))
  return Buffer.concat([good.subarray(0, at), Buffer.from(length, 'hex'), good.subarray(at)])
}
