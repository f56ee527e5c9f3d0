/** The two pubsub topics of a cluster, and the name of each message (`spec/wire.md` §2). */
import { createHash } from 'node:crypto'
import { base58btc } from 'multiformats/bases/base58'
import { create as createDigest } from 'multiformats/hashes/digest'

/** Metrics of all peers that hold the secret. */
export const metricsTopic = 'monitor.metrics'

const md5Code = 0xd5

/** The topic of CRDT heads: base58 of the MD5 multihash of the cluster's name. */
export function headsTopic(clusterName: string): string {
  const digest = createDigest(md5Code, createHash('md5').update(clusterName, 'utf8').digest())
  return base58btc.baseEncode(digest.bytes)
}

/** Milliseconds for which a message counts as seen, in Go whatever the configuration says. */
export const seenMessages = 30 * 60_000

const senderBytes = 16

/**
 * The ID by which Go peers know a message: the first 16 bytes of the sender, then its sequence number in 8. With another
 * one, repair by IHAVE and suppression of duplicates are lost.
 */
export function messageId(sender: Uint8Array, sequenceNumber: bigint): Uint8Array {
  const id = new Uint8Array(senderBytes + 8)
  id.set(sender.subarray(0, senderBytes))
  new DataView(id.buffer).setBigUint64(senderBytes, BigInt.asUintN(64, sequenceNumber))
  return id
}
