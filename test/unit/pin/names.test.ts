import { describe, expect, test } from 'bun:test'
import { base36 } from 'multiformats/bases/base36'
import { base64 } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { parseCid } from '../../../core/pin/cid-text.ts'
import { formatPeerId, PeerIdCache, parsePeerId, peerIdBytes } from '../../../core/pin/peer-id.ts'
import { byUtf8 } from '../../../core/pin/utf8-order.ts'
import { toHex } from '../../support/hex.ts'
import identities from '../../vectors/identity.json'

const ed25519 = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
const rsa = 'QmXZrtE5jQwXNqCJMfHUTQkvhQ4ZAnqMnmzFMJfLewuabc'

describe('a peer ID', () => {
  for (const text of [ed25519, rsa]) {
    test(`${text} is read in every form and written as base58`, () => {
      const cid = CID.createV1(0x72, createDigestOf(peerIdBytes(text)))
      expect(parsePeerId(text)).toBe(text)
      expect(parsePeerId(cid.toString())).toBe(text)
      expect(parsePeerId(cid.toString(base36))).toBe(text)
      expect(formatPeerId(peerIdBytes(text))).toBe(text)
    })
  }

  test('has the bytes of the original', () => {
    expect(toHex(peerIdBytes(ed25519))).toBe(
      '0024080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c',
    )
    const ids = JSON.stringify(identities).match(/12D3KooW\w+/g) ?? []
    expect(ids.length).toBeGreaterThan(0)
    for (const id of ids) expect(parsePeerId(id)).toBe(id)
  })

  const cid = 'bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy'
  for (const text of ['', 'Qm', 'x', '1', cid, `${ed25519}0`, 'k51', '12D3', 'Q'.repeat(10_000)]) {
    test(`${JSON.stringify(text.slice(0, 60))} is refused`, () => {
      expect(() => parsePeerId(text)).toThrow(expect.objectContaining({ name: 'InvalidPeerIdError' }))
    })
  }

  test('is not written for bytes that are no multihash', () => {
    const bad = [new Uint8Array(0), Uint8Array.of(0x12, 0x20, 1), new Uint8Array(200)]
    for (const bytes of bad) {
      expect(() => formatPeerId(bytes)).toThrow(expect.objectContaining({ name: 'InvalidPeerIdError' }))
      expect(() => new PeerIdCache().format(bytes)).toThrow(
        expect.objectContaining({ name: 'InvalidPeerIdError' }),
      )
    }
  })

  test('is remembered by a cache that never grows beyond its limit', () => {
    const cache = new PeerIdCache(2)
    for (const text of [ed25519, rsa, ed25519, ed25519.replace('PH5', 'PH6'), rsa]) {
      expect(cache.format(peerIdBytes(text))).toBe(text)
    }
  })
})

function createDigestOf(multihash: Uint8Array) {
  return createDigest(multihash[0] as number, multihash.slice(2))
}

describe('a CID', () => {
  const v0 = 'QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'
  const v1 = CID.parse(v0).toV1()

  test('is read in every base', () => {
    expect(parseCid(v0).version).toBe(0)
    for (const text of [
      v1.toString(),
      v1.toString(base36),
      v1.toString(base64),
      v1.toString().toUpperCase(),
    ]) {
      expect(parseCid(text).equals(v1)).toBe(true)
    }
  })

  const faults: [string, RegExp][] = [
    ['', /^invalid cid: cid too short$/],
    ['Q', /^invalid cid: cid too short$/],
    ['xyz', /^invalid cid: selected encoding not supported$/],
    ['Qmabc', /^invalid cid: /],
    [v0.replace('q', '0'), /^invalid cid: /],
    [v1.toString().slice(0, 30), /^invalid cid: /],
    [`z${v0}`, /version 0 is written without/],
    ['b'.repeat(2000), /at most 1024 are read/],
    [CID.createV1(0x55, createDigest(0, new Uint8Array(520))).toString(), /at most 512 are taken/],
  ]
  for (const [text, message] of faults) {
    test(`${JSON.stringify(text.slice(0, 60))} is refused`, () => {
      expect(() => parseCid(text)).toThrow(expect.objectContaining({ name: 'InvalidCidError' }))
      expect(() => parseCid(text)).toThrow(message)
    })
  }
})

test('texts are ordered by their UTF-8 bytes', () => {
  const texts = ['b', 'a', '', 'ab', '\u{1f600}', '\uffff', '\ud7ff', 'é', '\u{10ffff}', '\ue000']
  const byBytes = [...texts].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  expect([...texts].sort(byUtf8)).toEqual(byBytes)
})
