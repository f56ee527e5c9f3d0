/**
 * Reads a libp2p stream at the pace of its reader. The library's own iteration takes whatever comes and queues it without
 * bound; this one lets the other side wait.
 */
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'

/** Bytes that wait for the reader before the other side is held back. What is on its way by then comes on top. */
const maxWaiting = 256 * 1024

/** Ends with the stream; throws the error that it is reset or aborted with. Leaving the loop early stops the reading. */
export async function* received(stream: Stream): AsyncGenerator<Uint8Array> {
  const waiting: Uint8Array[] = []
  let bytes = 0
  let failure = stream.readableEnded ? failureOf(stream) : undefined
  let wake = () => {}

  const onMessage = ({ data }: StreamMessageEvent) => {
    waiting.push(data.subarray())
    bytes += data.byteLength
    if (bytes > maxWaiting && stream.readStatus === 'readable') stream.pause()
    wake()
  }
  const onEnd = () => wake()
  const onClose = ({ error }: StreamCloseEvent) => {
    // After an orderly close what is still unread follows, and then the end.
    if (error === undefined) return
    failure = error
    wake()
  }
  stream.addEventListener('end', onEnd)
  stream.addEventListener('close', onClose)
  stream.addEventListener('message', onMessage)
  try {
    for (;;) {
      const chunk = waiting.shift()
      if (failure !== undefined) throw failure
      if (chunk !== undefined) {
        bytes -= chunk.length
        yield chunk
      } else if (hasEnded(stream)) return
      else if (stream.readStatus === 'paused') resume(stream)
      else await new Promise<void>((resolve) => (wake = resolve))
    }
  } finally {
    stream.removeEventListener('message', onMessage)
    stream.removeEventListener('end', onEnd)
    stream.removeEventListener('close', onClose)
  }
}

/**
 * A stream whose other side wrote and closed while its protocol was still being agreed on calls itself ended, and has what
 * was written all the same.
 */
function hasEnded(stream: Stream): boolean {
  return stream.readableEnded && stream.readBufferLength === 0
}

function failureOf({ status }: Stream): Error | undefined {
  return status === 'aborted' || status === 'reset' ? new Error(`the stream was ${status}`) : undefined
}

function resume(stream: Stream): void {
  try {
    stream.resume()
  } catch {
    // The connection has closed: what was unread came all the same, only the other side cannot be told to go on.
  }
}
