/** What IPFS nodes send: Kubo's answers, and what the embedded node gets from others. */
import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { linksIn } from '../../../core/ipfs/embedded/dag/node-links.ts'
import { decodeDagPb } from '../../../core/ipfs/embedded/dag/unixfs-node.ts'
import { openRecord, selectRecord } from '../../../core/ipfs/embedded/exchange/ipns-record.ts'
import { ResponseReader } from '../../../core/ipfs/kubo/http-response.ts'
import { LineSplitter } from '../../../core/ipfs/kubo/json-lines.ts'
import { makeIpnsRecord } from '../../unit/ipfs/ipns-fixture.ts'
import { type Decoder, textBytes } from './decoder.ts'

const leaf = CID.parse('bafkreid76r3mutkdm46voeibb5b2fdbyzt6jmtlhancb63ualzu5mapewu')
const dagPbCid = CID.parse('bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi')
const dagCborCid = CID.createV1(dagCbor.code, leaf.multihash)
const dagJsonCid = CID.createV1(0x0129, leaf.multihash)
const folder = dagPb.encode({
  Links: [
    { Name: 'a', Tsize: 10, Hash: leaf },
    { Name: 'b', Tsize: 10, Hash: dagPbCid },
  ],
  Data: new UnixFS({ type: 'directory' }).marshal(),
})
const ipnsKey = await generateKeyPair('Ed25519')
const ipnsName = ipnsKey.publicKey.toMultihash()
const ipnsRecord = await makeIpnsRecord(ipnsKey, `/ipfs/${leaf}`, 86_400_000_000)

export const ipfsBytes: Record<string, Decoder> = {
  'answers of Kubo': {
    good: textBytes(
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Stream-Error\r\n\r\n5\r\nhello\r\n0\r\nX-Stream-Error: no\r\n\r\n',
    ),
    errors: ['HttpSyntaxError'],
    decode(bytes) {
      const reader = new ResponseReader()
      for (let at = 0; at < bytes.length; at += 23) reader.push(bytes.subarray(at, at + 23))
    },
  },
  'lines of Kubo': {
    good: textBytes('{"Pins":["a"]}\n{"Progress":5}\n\n', '{"Keys":{}}'),
    errors: ['LineTooLongError', 'SyntaxError'],
    decode(bytes) {
      const lines = new LineSplitter(1_024)
      for (const line of [...lines.push(bytes), ...lines.end()]) JSON.parse(line)
    },
  },
  'UnixFS nodes': {
    good: [
      folder,
      dagPb.encode({ Links: [], Data: new UnixFS({ type: 'file', data: new Uint8Array(9) }).marshal() }),
    ],
    errors: ['UnreadableNodeError'],
    decode: (bytes) => decodeDagPb(dagPbCid, bytes),
  },
  'links of dag-cbor': {
    good: [dagCbor.encode({ a: [leaf, { b: dagPbCid }], c: 'd', e: 1.5 })],
    errors: ['UnreadableNodeError'],
    decode: (bytes) => [...linksIn(dagCborCid, bytes)],
  },
  'links of dag-json': {
    good: textBytes(`{"a":[{"/":"${leaf}"}],"b":{"/":{"bytes":"AAAA"}},"c":[1,2.5,null]}`),
    errors: ['UnreadableNodeError'],
    decode: (bytes) => [...linksIn(dagJsonCid, bytes)],
  },
  'records of names': {
    good: [ipnsRecord],
    errors: ['NameError'],
    decode: (bytes) => openRecord(ipnsName, bytes, 0),
  },
  'records of names, compared': {
    good: [ipnsRecord],
    errors: ['NameError'],
    decode: (bytes) => selectRecord([ipnsRecord, bytes]),
  },
}
