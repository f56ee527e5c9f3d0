/** What other peers send on protocols that libraries decode; the files are those that the libraries themselves load. */
import { generateKeyPair, publicKeyFromProtobuf, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { CID } from 'multiformats/cid'
import { RPC } from '../../../node_modules/@chainsafe/libp2p-gossipsub/dist/src/message/rpc.js'
import { NoiseHandshakePayload } from '../../../node_modules/@chainsafe/libp2p-noise/dist/src/proto/payload.js'
import { BitswapMessage } from '../../../node_modules/@helia/bitswap/dist/src/pb/message.js'
import { Identify } from '../../../node_modules/@libp2p/identify/dist/src/pb/message.js'
import { Message } from '../../../node_modules/@libp2p/kad-dht/dist/src/message/dht.js'
import { RecordEnvelope } from '../../../node_modules/@libp2p/peer-record/dist/src/envelope/index.js'
import {
  generateCertificate,
  verifyPeerCertificate,
} from '../../../node_modules/@libp2p/tls/dist/src/utils.js'
import { Decoder as FrameDecoder } from '../../../node_modules/@libp2p/yamux/dist/src/decode.js'
import crdt from '../../vectors/crdt_pins.json'
import { goodMessages } from '../protocol-messages.ts'
import { type Decoder, fromHex } from './decoder.ts'

/** They name theirs by what went wrong in the language, if at all. */
const protobufErrors = ['Error', 'RangeError', 'MaxLengthError', 'MaxSizeError']

const keyErrors = [
  ...protobufErrors,
  'InvalidPublicKeyError',
  'InvalidParametersError',
  'UnsupportedKeyTypeError',
  'TypeError',
]

const messages = new Map(goodMessages(CID.parse(crdt.steps[0]!.blocks[0]!.cid).toString()))
const key = await generateKeyPair('Ed25519')
const certificate = await certificateOf(key)
const envelope = await RecordEnvelope.seal(
  {
    domain: 'libp2p-peer-record',
    codec: Uint8Array.of(3, 1),
    marshal: () => new Uint8Array(60),
    equals: () => false,
  },
  key,
)

export const libraryMessages: Record<string, Decoder> = {
  'messages of pubsub': protobuf((bytes) => RPC.decode(bytes), unframed('/meshsub/1.2.0')),
  'messages of bitswap': protobuf((bytes) => BitswapMessage.decode(bytes), unframed('/ipfs/bitswap/1.2.0')),
  'messages of the DHT': protobuf((bytes) => Message.decode(bytes), unframed('/ipfs/lan/kad/1.0.0')),
  'messages of identify': protobuf((bytes) => Identify.decode(bytes), unframed('/ipfs/id/push/1.0.0')),
  'payloads of noise': protobuf(
    (bytes) => NoiseHandshakePayload.decode(bytes),
    [
      NoiseHandshakePayload.encode({
        identityKey: publicKeyToProtobuf(key.publicKey),
        identitySig: new Uint8Array(64),
        extensions: { webtransportCerthashes: [], streamMuxers: ['/yamux/1.0.0'] },
      }),
    ],
  ),
  'public keys': {
    good: [publicKeyToProtobuf(key.publicKey)],
    errors: keyErrors,
    decode: publicKeyFromProtobuf,
  },
  'signed records of peers': {
    good: [envelope.marshal()],
    errors: [...keyErrors, 'InvalidSignatureError'],
    decode: (bytes) => RecordEnvelope.openAndCertify(bytes, 'libp2p-peer-record'),
  },
  'certificates of TLS': {
    good: [certificate],
    errors: [...keyErrors, 'InvalidCertificateError', 'InvalidCryptoExchangeError'],
    decode: (bytes) => verifyPeerCertificate(bytes),
  },
  'frames of yamux': {
    good: [fromHex('000100010000000300000000'), fromHex('0000000000000003000000040badcafe')],
    errors: ['InvalidFrameError'],
    decode: (bytes) => [...new FrameDecoder().emitFrames(bytes)],
  },
}

function protobuf(decode: (bytes: Uint8Array) => unknown, good: Uint8Array[]): Decoder {
  return { good, errors: protobufErrors, decode }
}

/** Messages without the length before them. */
function unframed(protocol: string): Uint8Array[] {
  return messages.get(protocol)!.map((framed) => framed.subarray(framed.findIndex((byte) => byte < 0x80) + 1))
}

async function certificateOf(privateKey: typeof key): Promise<Uint8Array> {
  const { cert } = await generateCertificate(privateKey)
  return Uint8Array.from(Buffer.from(cert.replace(/-----[A-Z ]+-----|\s/g, ''), 'base64'))
}
