/** What clients of the APIs send: uploads, options, JSON, names. */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import * as dagPb from '@ipld/dag-pb'
import { CID } from 'multiformats/cid'
import { importCar } from '../../../core/adder/car.ts'
import { signToken, verifyToken } from '../../../core/api/json-web-token.ts'
import { boundaryOf, readMultipart } from '../../../core/api/rest/multipart.ts'
import { matches } from '../../../core/ipfs/embedded/gateway/caching.ts'
import { readCarParameters } from '../../../core/ipfs/embedded/gateway/car-parameters.ts'
import { negotiate } from '../../../core/ipfs/embedded/gateway/negotiation.ts'
import { readRange } from '../../../core/ipfs/embedded/gateway/ranges.ts'
import { redirectOf } from '../../../core/ipfs/embedded/gateway/redirects.ts'
import { readRequest } from '../../../core/ipfs/embedded/gateway/request.ts'
import { parseCid } from '../../../core/pin/cid-text.ts'
import { parseGoJson } from '../../../core/pin/go-json.ts'
import { parsePinText } from '../../../core/pin/json.ts'
import { pinOptionsFromQuery } from '../../../core/pin/options.ts'
import { parsePeerId } from '../../../core/pin/peer-id.ts'
import { blockOf, makeCar, makeCar2 } from '../../unit/adder/car-rig.ts'
import crdt from '../../vectors/crdt_pins.json'
import live from '../../vectors/live_daemon.json'
import { type Decoder, fromHex, inPieces, textBytes, textOf } from './decoder.ts'

const { block_hex, cid } = crdt.steps[0]!.blocks[0]!
const multipart = [
  '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhello\r\n',
  '--x\r\nContent-Disposition: form-data; name="file"; filename="b"\r\n\r\n\r\n--x--\r\n',
].join('')

export const requestBytes: Record<string, Decoder> = {
  'CAR files': {
    good: await carsOf(CID.parse(cid), fromHex(block_hex)),
    errors: ['CarError'],
    decode: (bytes) => importCar(inPieces(bytes), async () => {}),
  },
  uploads: {
    good: textBytes(multipart),
    errors: ['MultipartError'],
    async decode(bytes) {
      for await (const { content } of readMultipart(inPieces(bytes), 'x')) for await (const _ of content);
    },
  },
  'content types': {
    good: textBytes('multipart/form-data; boundary="a b"', 'multipart/form-data; boundary=x; charset=utf-8'),
    errors: ['MultipartError'],
    decode: (bytes) => boundaryOf(textOf(bytes)),
  },
  'pin options': {
    good: textBytes(
      'replication-min=2&replication-max=3&name=a%20name&mode=recursive&shard-size=1000&meta-a=b&meta-c=%F0%9F%92%A9',
      `user-allocations=${live.daemon_peer_id},x&expire-in=24h10m&origins=/ip4/192.0.2.1/tcp/1/p2p/${live.daemon_peer_id}`,
      `expire-at=2027-01-02T03:04:05.123456789Z&pin-update=${cid}`,
    ),
    errors: ['InvalidPinOptionError'],
    decode: (bytes) => pinOptionsFromQuery(new URLSearchParams(textOf(bytes)), 0n),
  },
  JSON: {
    good: textBytes('{"a":[1,-2.5e300,9007199254740993],"b":{"c":null,"d":"\\u00e9"}}', '[[[[]]]]'),
    errors: ['SyntaxError'],
    decode: (bytes) => parseGoJson(textOf(bytes)),
  },
  'pins in JSON': {
    good: crdt.steps.flatMap(({ pin_json }) => (pin_json ? textBytes(JSON.stringify(pin_json)) : [])),
    errors: ['InvalidPinError', 'SyntaxError'],
    decode: (bytes) => parsePinText(textOf(bytes)),
  },
  CIDs: {
    good: textBytes(cid, 'QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWKPbdG', 'z2DrjgbFdsRWzR'),
    errors: ['InvalidCidError'],
    decode: (bytes) => parseCid(textOf(bytes)),
  },
  'peer IDs': {
    good: textBytes(live.daemon_peer_id, 'QmXZrtE5jQwXNqCJMfHUTQkvhQ4ZAnqMnmzFMJfLewuabc'),
    errors: ['InvalidPeerIdError'],
    decode: (bytes) => parsePeerId(textOf(bytes)),
  },
  tokens: {
    good: textBytes(signToken('user', 'password')),
    errors: ['refused'],
    decode(bytes) {
      if (verifyToken(textOf(bytes), () => 'password', 0) === undefined) throw refusal
    },
  },
  'paths of the gateway': {
    good: textBytes(
      `/ipfs/${cid}/a%20b/c?format=car&dag-scope=entity&entity-bytes=0:100`,
      '/ipns/example.org/',
      `/ipns/${live.daemon_peer_id}/a?x=y`,
      `/ipfs/?uri=ipfs%3A%2F%2F${cid}%2Fa%3Fb%3Dc`,
    ),
    errors: ['GatewayError', 'PathError'],
    decode(bytes) {
      const url = new URL(`http://127.0.0.1/${textOf(bytes).replace(/^\//, '')}`)
      return redirectOf(url, new Headers()) ?? readRequest(url, new Headers())
    },
  },
  'headers of the gateway': {
    good: textBytes(
      'application/vnd.ipld.car; version=1; order=dfs; dups="y"; q=0.5, text/html\nbytes=0-9, -5, 7-\nW/"a", "b"',
      'application/json\nbytes=100-\n*',
    ),
    errors: ['GatewayError'],
    decode(bytes) {
      const [accept = '', range, known] = textOf(bytes).split('\n')
      const { parameters } = negotiate(new URLSearchParams(), accept)
      readCarParameters(new URLSearchParams(), parameters)
      readRange(range, 1_000)
      matches(known, '"a"')
    },
  },
}

const refusal = Object.assign(new Error('refused'), { name: 'refused' })

/** Of version 1, of version 2 with an index, filled up with zeros, and with links of each codec. */
async function carsOf(cid: CID, bytes: Uint8Array): Promise<Uint8Array[]> {
  const values = { a: [cid, { b: cid }] }
  const blocks = [
    { cid, bytes },
    await blockOf(dagCbor.encode(values), dagCbor.code),
    await blockOf(dagJson.encode(values), dagJson.code),
    await blockOf(dagPb.encode({ Links: [{ Hash: cid, Name: 'a', Tsize: 1 }] }), dagPb.code),
  ]
  const car = await makeCar([cid, blocks[1]!.cid], blocks)
  const padded = Buffer.concat([car, new Uint8Array(100)])
  return [car, padded, makeCar2(padded, { padding: 10, index: new Uint8Array(20).fill(3) })].map((each) =>
    Uint8Array.from(each),
  )
}
