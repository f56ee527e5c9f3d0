import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { parseCid } from '../../core/pin/cid-text.ts'
import { decodePin, encodePin } from '../../core/pin/codec.ts'
import { formatDuration, parseDuration } from '../../core/pin/duration.ts'
import { type GoJson, goJson, parseGoJson } from '../../core/pin/go-json.ts'
import { parsePinJson, parsePinText, pinToJson } from '../../core/pin/json.ts'
import { parsePinKey, pinKey } from '../../core/pin/key.ts'
import { pinOptionsFromQuery, pinOptionsToQuery } from '../../core/pin/options.ts'
import { formatPeerId, parsePeerId, peerIdBytes } from '../../core/pin/peer-id.ts'
import type { Pin } from '../../core/pin/pin.ts'
import { formatTime, parseTime } from '../../core/pin/time.ts'

const SECOND = 1_000_000_000n

const digests = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => createDigest(0x12, bytes))
const cids = fc.oneof(
  digests.map((digest) => CID.createV0(digest)),
  fc.tuple(fc.constantFrom(0x55, 0x70, 0x71), digests).map(([codec, digest]) => CID.createV1(codec, digest)),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => CID.createV1(0x55, createDigest(0, bytes))),
)
const peers = digests.map((digest) => formatPeerId(digest.bytes))
const texts = fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.toWellFormed())
const origins = peers.map((peer) => `/ip4/10.0.0.1/tcp/4001/p2p/${peer}`)
/** Years 1902 to 2500, whole seconds. */
const times = fc.bigInt(-2_145_916_800n, 16_725_225_600n).map((seconds) => seconds * SECOND)

const pins: fc.Arbitrary<Pin> = fc
  .record(
    {
      cid: cids,
      type: fc.constantFrom('data', 'meta', 'cluster-dag', 'shard', 'bad'),
      allocations: fc.array(peers, { maxLength: 4 }),
      maxDepth: fc.integer({ min: -1, max: 2 }),
      reference: cids,
      timestamp: times.filter((time) => time !== 0n),
      replicationFactorMin: fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }),
      replicationFactorMax: fc.integer({ min: -1, max: 20 }),
      name: texts,
      shardSize: fc.bigInt(0n, 2n ** 64n - 1n),
      expireAt: times.filter((time) => time !== 0n),
      metadata: fc.dictionary(texts, texts, { maxKeys: 5 }),
      pinUpdate: cids,
      origins: fc.array(origins, { maxLength: 3 }),
    },
    {
      requiredKeys: [
        ...([
          'cid',
          'type',
          'allocations',
          'maxDepth',
          'replicationFactorMin',
          'replicationFactorMax',
        ] as const),
        ...(['name', 'shardSize', 'metadata', 'origins'] as const),
      ],
    },
  )
  .map((pin) => ({ ...pin, mode: pin.maxDepth === 0 ? 'direct' : 'recursive', userAllocations: [] }) as Pin)

/** CIDs as text and metadata by entries: what two equal pins agree on. */
function comparable(pin: Pin) {
  const { cid, reference, pinUpdate, metadata, ...rest } = pin
  const entries = Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return { ...rest, entries, cids: [cid, reference, pinUpdate].map(String) }
}

function nameOfThrown(read: () => unknown): string | undefined {
  try {
    read()
  } catch (error) {
    return (error as Error).name
  }
  return undefined
}

describe('a pin', () => {
  test('is read as it was stored, and stored again in the same bytes', () => {
    fc.assert(
      fc.property(pins, (pin) => {
        const bytes = encodePin(pin)
        const read = decodePin(pin.cid, bytes)
        expect(comparable(read)).toEqual(comparable(pin))
        expect(encodePin(read)).toEqual(bytes)
      }),
      { numRuns: 300 },
    )
  })

  test('is read as it was written as JSON, in both forms', () => {
    fc.assert(
      fc.property(pins, fc.constantFrom('submitted' as const, 'stored' as const), (pin, form) => {
        expect(comparable(parsePinText(goJson(pinToJson(pin, form))))).toEqual(comparable(pin))
      }),
      { numRuns: 300 },
    )
  })

  test('has options that come back from the query they were written to', () => {
    fc.assert(
      fc.property(pins, (pin) => {
        const { cid, type, allocations, maxDepth, reference, timestamp, ...options } = pin
        // The original gives metadata without a key no place in a query.
        options.metadata = Object.fromEntries(Object.entries(options.metadata).filter(([key]) => key !== ''))
        const read = pinOptionsFromQuery(new URLSearchParams(pinOptionsToQuery(options).toString()), 0n)
        const rest = { cid, type, allocations, maxDepth }
        expect(comparable({ ...read, ...rest })).toEqual(comparable({ ...options, ...rest }))
      }),
      { numRuns: 300 },
    )
  })

  test('has a key that gives its CID back', () => {
    fc.assert(
      fc.property(cids, (cid) => {
        expect(parsePinKey(pinKey(cid)).toString()).toBe(cid.toString())
        expect(parseCid(cid.toString()).equals(cid)).toBe(true)
      }),
    )
  })
})

describe('reading', () => {
  const cid = CID.parse('QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq')

  test('a stored pin throws nothing but PinDecodeError, whatever the bytes', () => {
    const mutated = fc
      .tuple(pins, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat())
      .map(([pin, changes, cut]) => {
        const bytes = encodePin(pin).slice()
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        return cut % 4 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
        expect(nameOfThrown(() => decodePin(cid, bytes)) ?? 'PinDecodeError').toBe('PinDecodeError')
      }),
      { numRuns: 1000 },
    )
  })

  test('JSON of a pin throws nothing but InvalidPinError, whatever it holds', () => {
    const fields = Object.keys(pinToJson({ ...decodePin(cid, new Uint8Array(0)) }, 'stored'))
    const anything = fc.jsonValue({ maxDepth: 2 })
    const objects = fc.dictionary(fc.constantFrom(...fields), fc.oneof(anything, fc.bigInt(), texts))
    fc.assert(
      fc.property(
        fc.oneof(
          anything,
          objects,
          objects.map((o) => ({ cid: `${cid}`, ...o })),
        ),
        (value) => {
          expect(nameOfThrown(() => parsePinJson(value)) ?? 'InvalidPinError').toBe('InvalidPinError')
        },
      ),
      { numRuns: 1000 },
    )
  })

  test('a query throws nothing but InvalidPinOptionError, whatever it holds', () => {
    const names = [
      'replication',
      'replication-min',
      'name',
      'mode',
      'shard-size',
      'user-allocations',
      'expire-at',
    ]
    const name = fc.constantFrom(...names, 'expire-in', 'meta-x', 'pin-update', 'origins')
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.oneof(texts, fc.nat().map(String)))), (parameters) => {
        const thrown = nameOfThrown(() => pinOptionsFromQuery(new URLSearchParams(parameters), 0n))
        expect(thrown ?? 'InvalidPinOptionError').toBe('InvalidPinOptionError')
      }),
      { numRuns: 1000 },
    )
  })

  const readers: [string, (text: string) => unknown][] = [
    ['InvalidCidError', parseCid],
    ['InvalidPeerIdError', parsePeerId],
    ['InvalidPinKeyError', parsePinKey],
    ['InvalidDurationError', parseDuration],
    ['InvalidTimeError', parseTime],
  ]
  for (const [name, read] of readers) {
    test(`a text throws nothing but ${name}`, () => {
      const likely = fc.stringMatching(/^[/+-]?[0-9A-Za-z.:µ-]{0,60}$/)
      fc.assert(
        fc.property(fc.oneof(texts, likely), (text) => {
          expect(nameOfThrown(() => read(text)) ?? name).toBe(name)
        }),
        { numRuns: 500 },
      )
    })
  }
})

test('durations, times, peer IDs and JSON are read as they were written', () => {
  fc.assert(
    fc.property(
      fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n),
      fc.bigInt(-60_000_000_000n * SECOND, 253_000_000_000n * SECOND),
      peers,
      fc.jsonValue(),
      (duration, time, peer, json) => {
        expect(parseDuration(formatDuration(duration))).toBe(duration)
        expect(parseTime(formatTime(time))).toBe(time)
        expect(formatPeerId(peerIdBytes(peer))).toBe(peer)
        const written = goJson(JSON.parse(JSON.stringify(json)))
        expect(goJson(parseGoJson(written) as GoJson)).toBe(written)
      },
    ),
    { numRuns: 500 },
  )
})
