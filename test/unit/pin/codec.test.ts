import { describe, expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { decodePin, encodePin } from '../../../core/pin/codec.ts'
import { parsePinKey, pinKey } from '../../../core/pin/key.ts'
import { MAX_PIN_BYTES } from '../../../core/pin/limits.ts'
import { defaultPinOptions } from '../../../core/pin/options.ts'
import { requestedPin } from '../../../core/pin/validation.ts'
import { fromHex, toHex } from '../../support/hex.ts'

const cid = CID.parse('QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq')
const other = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')

function decode(hex: string) {
  return decodePin(cid, fromHex(hex))
}

describe('a stored pin', () => {
  test('takes its CID from the key, not from the value', () => {
    const bytes = encodePin(requestedPin(other, defaultPinOptions()))
    expect(decodePin(cid, bytes).cid.equals(cid)).toBe(true)
  })

  test('has fields of later versions skipped, whatever their wire type', () => {
    expect(decode(`${'9a0602aabb'}9d0601020304${'990601020304050607089806ff01'}1001`).type).toBe('data')
  })

  test('has groups skipped, also nested ones', () => {
    expect(decode('9b069b0608019c069c061001').type).toBe('data')
  })

  test('has a known field of another wire type passed over, as Go does', () => {
    expect(decode('1201ff1001').type).toBe('data')
    expect(decode('1800').allocations).toEqual([])
  })

  test('has metadata in the old map form read', () => {
    expect(decode(`3209${'32070a016b12027631'}`).metadata).toEqual({ k: 'v1' })
    expect(decode(`3205${'32030a016b'}`).metadata).toEqual({ k: '' })
  })

  test('has its options merged when they come in two pieces, as Go does', () => {
    const pin = decode('32020801' + '32031a0161')
    expect(pin.replicationFactorMin).toBe(-1)
    expect(pin.name).toBe('a')
  })

  test('counts a reference that is no CID as absent', () => {
    expect(decode('2a03010203').reference).toBeUndefined()
  })

  test('keeps a metadata key named __proto__', () => {
    const pin = requestedPin(cid, defaultPinOptions())
    pin.metadata = JSON.parse('{"__proto__":"x"}')
    expect(Object.entries(decodePin(cid, encodePin(pin)).metadata)).toEqual([['__proto__', 'x']])
  })

  test('has its metadata sorted by bytes, not by UTF-16 units', () => {
    const pin = requestedPin(cid, defaultPinOptions())
    pin.metadata = { '\u{1f600}': '2', '\uffff': '1', '10': 'a', '9': 'b' }
    const keys = Object.keys(decodePin(cid, encodePin(pin)).metadata).filter((key) => !/^\d+$/.test(key))
    expect(keys).toEqual(['\uffff', '\u{1f600}'])
    expect(toHex(encodePin(pin))).toMatch(/52070a023130.*52060a0139/)
  })

  test('never carries half a surrogate pair, which would make Go refuse the whole block', () => {
    const pin = { ...requestedPin(cid, defaultPinOptions()), name: 'a\ud800b' }
    expect(decodePin(cid, encodePin(pin)).name).toBe('a\ufffdb')
  })

  test('keeps a byte order mark in its name', () => {
    const pin = { ...requestedPin(cid, defaultPinOptions()), name: '\ufeffa' }
    expect(decodePin(cid, encodePin(pin)).name).toBe('\ufeffa')
  })

  test('has times before 1970 in whole seconds, rounded down', () => {
    const pin = { ...requestedPin(cid, defaultPinOptions()), expireAt: -1_500_000_000n }
    expect(decodePin(cid, encodePin(pin)).expireAt).toBe(-2_000_000_000n)
  })

  const faults: [string, string][] = [
    ['1a0100', 'an allocation that is no peer ID'],
    ['0aff', 'a length beyond the end'],
    ['10ffffffffffffffffff02', 'a varint of more than 64 bits'],
    ['0000', 'field number 0'],
    ['9b06', 'a group without an end'],
    ['9c06', 'the end of a group that was not begun'],
    ['0f', 'an unknown wire type'],
    ['32031a01ff', 'a name that is not UTF-8'],
  ]
  for (const [hex, what] of faults) {
    test(`is refused with ${what}`, () => {
      expect(() => decode(hex)).toThrow(expect.objectContaining({ name: 'PinDecodeError' }))
    })
  }

  test('is refused when no block can carry it', () => {
    expect(() => decodePin(cid, new Uint8Array(MAX_PIN_BYTES + 1))).toThrow(/at most 4194304/)
  })
})

describe('a key', () => {
  const bad = ['', '/', 'CIQAWHLN', '/ciqawhlnswvod7e2ksww5mmns2fpeozhyup3m3mlyiomtgpk54qio2a', '/A', '/CIQA']
  for (const key of [...bad, `${pinKey(cid)}A`, `${pinKey(cid)}=`, `/${'A'.repeat(5000)}`]) {
    test(`${JSON.stringify(key.slice(0, 70))} names no pin`, () => {
      expect(() => parsePinKey(key)).toThrow(expect.objectContaining({ name: 'InvalidPinKeyError' }))
    })
  }

  test('of version 1 names another pin than that of version 0', () => {
    expect(pinKey(cid)).toStartWith('/CIQ')
    expect(pinKey(cid.toV1())).toStartWith('/AFYB')
    expect(parsePinKey(pinKey(cid.toV1())).version).toBe(1)
  })
})
