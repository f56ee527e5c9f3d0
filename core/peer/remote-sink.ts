/** The way of added blocks to the IPFS node of another peer (`spec/wire.md` §8, Add). */
import type { BlockSink } from '../adder/block-sink.ts'
import { rpc } from '../network/rpc/methods.ts'
import type { PeerIdText } from '../pin/pin.ts'
import type { PeerCalls } from './peer-calls.ts'

export function remoteSink(calls: PeerCalls, peer: PeerIdText): BlockSink {
  return {
    async put(blocks, { signal }) {
      const nodes = (async function* () {
        for await (const { cid, bytes } of blocks) yield { c: cid, d: bytes, s: BigInt(bytes.length) }
      })()
      // There are no replies: the end of the stream is the acknowledgement.
      for await (const _ of calls.stream(peer, rpc.blockStream, nodes, { signal }));
    },
  }
}
