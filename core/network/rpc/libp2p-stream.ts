/** A libp2p stream as the RPC reads and writes it. */
import type { Stream } from '@libp2p/interface'
import { received } from '../stream-source.ts'
import { RpcStreamError } from './errors.ts'
import type { RpcStream } from './value-reader.ts'

/** Bytes handed to the stream at once, so that its own buffer bounds what waits. */
const pieceBytes = 64 * 1024

export function rpcStream(stream: Stream): RpcStream {
  return {
    source: received(stream),
    async write(bytes) {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        if (stream.writeStatus !== 'writable') throw new RpcStreamError('the other side closed the stream')
        if (!stream.send(bytes.subarray(at, at + pieceBytes))) await stream.onDrain()
      }
    },
    async closeWrite() {
      await stream.close()
    },
    abort(error) {
      stream.abort(error)
    },
  }
}
