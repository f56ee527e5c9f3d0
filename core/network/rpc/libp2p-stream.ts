/** A libp2p stream as the RPC reads and writes it. */
import type { Stream, StreamCloseEvent } from '@libp2p/interface'
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
        stream.send(bytes.subarray(at, at + pieceBytes))
        while (stream.writableNeedsDrain) await drained(stream)
      }
    },
    async closeWrite() {
      await stream.close()
    },
    abort(error) {
      stream.abort(error)
    },
    onClose(listener) {
      stream.addEventListener('close', listener, { once: true })
    },
  }
}

/** The library's own `onDrain` resolves at once, for ever, after its first time. */
async function drained(stream: Stream): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onDrain = () => resolve()
  const onClose = ({ error }: StreamCloseEvent) => reject(error ?? new RpcStreamError('the stream is closed'))
  stream.addEventListener('drain', onDrain)
  stream.addEventListener('close', onClose)
  try {
    await promise
  } finally {
    stream.removeEventListener('drain', onDrain)
    stream.removeEventListener('close', onClose)
  }
}
