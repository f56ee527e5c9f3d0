/** The links that the import of a CAR finds in a block are those that the decoders of dag-cbor and dag-json find. */
import { expect, test } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { linksOf } from '../../core/adder/node-links.ts'

const cids = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((digest) => CID.create(1, 0x55, Digest.create(0x12, digest)))

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'medium' },
    cids,
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0)),
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 30 }),
    // A key of its own in dag-json.
    fc.dictionary(
      fc.string({ maxLength: 20 }).filter((key) => key !== '/'),
      tie('value'),
      { noNullPrototype: true },
    ),
  ),
})).value

/** Links with their paths, by the values that a decoder made. */
function linksIn(value: unknown, path: string[] = []): string[] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return []
  const cid = CID.asCID(value)
  if (cid) return [`${path.slice(0, 16).join('/')} ${cid}`]
  return Object.entries(value).flatMap(([key, each]) => linksIn(each, [...path, key]))
}

test('whatever the block holds', () => {
  fc.assert(
    fc.property(values, (value) => {
      for (const codec of [dagCbor, dagJson]) {
        const bytes = codec.encode(value)
        const cid = CID.create(1, codec.code, Digest.create(0x12, new Uint8Array(32)))
        const found = [...linksOf({ cid, bytes })].map((link) => `${link.name} ${link.cid}`)
        expect(found.sort()).toEqual(linksIn(codec.decode(bytes)).sort())
      }
    }),
    { numRuns: 300 },
  )
})
