import { describe, expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { decodePin, encodePin } from '../../../core/pin/codec.ts'
import { goJson } from '../../../core/pin/go-json.ts'
import { parsePinText, pinToJson } from '../../../core/pin/json.ts'
import { parsePinKey, pinKey } from '../../../core/pin/key.ts'
import { PeerIdCache } from '../../../core/pin/peer-id.ts'
import { fromHex, toHex } from '../../support/hex.ts'
import vectors from '../../vectors/pins.json'
import exported from '../../vectors/state_export.json'

interface Vector {
  name: string
  cid_hex?: string
  dsstate_key?: string
  protobuf_hex: string
  pin_json: object
  decoded_pin_json: object
}

const all = vectors.pins as unknown as Vector[]

describe('pins of the original', () => {
  for (const vector of all) {
    const { name, cid_hex, dsstate_key, protobuf_hex } = vector
    // The zero value has no CID, so it is read under one of another.
    const cid = CID.decode(fromHex(cid_hex ?? all[0]?.cid_hex ?? ''))
    const withCid = (json: object) => JSON.stringify({ ...json, cid: cid.toString() })

    test(`${name}: the protobuf is read, and shown as the original shows what it stored`, () => {
      const pin = decodePin(cid, fromHex(protobuf_hex), new PeerIdCache())
      expect(goJson(pinToJson(pin, 'stored'))).toBe(withCid(vector.decoded_pin_json))
    })

    test(`${name}: what was read is written byte for byte`, () => {
      const bytes = toHex(encodePin(decodePin(cid, fromHex(protobuf_hex))))
      expect(bytes).toBe(cid_hex === undefined ? `0a22${toHex(cid.bytes)}${protobuf_hex}` : protobuf_hex)
    })

    test(`${name}: the JSON is read and stored byte for byte`, () => {
      const bytes = toHex(encodePin(parsePinText(withCid(vector.pin_json))))
      expect(bytes).toBe(cid_hex === undefined ? `0a22${toHex(cid.bytes)}${protobuf_hex}` : protobuf_hex)
    })

    test(`${name}: the JSON is read and written as submitted`, () => {
      const written = JSON.parse(goJson(pinToJson(parsePinText(withCid(vector.pin_json)), 'submitted')))
      // A pin that came by the API has these two always; these were built without it.
      const json = JSON.parse(withCid(vector.pin_json))
      expect(JSON.stringify(written)).toBe(
        JSON.stringify({ ...json, metadata: json.metadata ?? {}, allocations: json.allocations ?? [] }),
      )
    })

    if (cid_hex !== undefined && dsstate_key !== undefined) {
      test(`${name}: the key names the CID`, () => {
        expect(pinKey(cid)).toBe(dsstate_key)
        expect(toHex(parsePinKey(dsstate_key).bytes)).toBe(cid_hex)
      })
    }
  }

  test('an exported state is imported and exported again byte for byte', () => {
    const lines = exported.export_text.trimEnd().split('\n')
    expect(lines).toHaveLength(2)
    for (const line of lines) {
      const pin = parsePinText(line)
      expect(goJson(pinToJson(decodePin(pin.cid, encodePin(pin)), 'stored'))).toBe(line)
    }
    const stored = exported.pins_added.map((name) => all.find((vector) => vector.name === name))
    expect(lines.map((line) => toHex(encodePin(parsePinText(line))))).toEqual(
      stored.map((vector) => vector?.protobuf_hex ?? ''),
    )
  })
})
