/** IPNS records as other implementations publish them. */
import * as dagCbor from '@ipld/dag-cbor'
import type { PrivateKey } from '@libp2p/interface'

/** `validFor`: ms from now. */
export async function makeIpnsRecord(key: PrivateKey, path: string, validFor: number): Promise<Uint8Array> {
  const text = (value: string) => new TextEncoder().encode(value)
  const validity = new Date(Date.now() + validFor).toISOString().replace('Z', '000000Z')
  const data = dagCbor.encode({
    Value: text(path),
    Validity: text(validity),
    ValidityType: 0,
    Sequence: 1,
    TTL: 3_600_000_000_000,
  })
  const signature = await key.sign(Buffer.concat([text('ipns-signature:'), data]))
  return Buffer.concat([field(1, text(path)), field(8, signature), field(9, data)])
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7]
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), bytes])
}
