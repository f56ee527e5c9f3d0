/** Calls of a method over one fresh stream (`spec/wire.md` §6.1). */
import { errorKinds, RpcError, type RpcErrorKind, RpcStreamError } from './errors.ts'
import type { StreamMethod, UnaryMethod } from './method.ts'
import { MsgpackWriter } from './msgpack.ts'
import type { Codec } from './schema.ts'
import { ended, type RpcStream, ValueReader } from './value-reader.ts'
import { responseWire, serviceIdWire } from './wire-types.ts'

/**
 * Calls a unary method. The writing half stays open until the reply is here: Go takes its end for a cancellation.
 * Rejects with `RpcError` for an error of the other side, `RpcStreamError` or `MsgpackError` for a broken stream, and the
 * signal's reason.
 */
export async function callUnary<Argument, Reply>(
  stream: RpcStream,
  method: UnaryMethod<Argument, Reply>,
  argument: Argument,
  signal: AbortSignal,
): Promise<Reply> {
  return guarded(stream, signal, async () => {
    await stream.write(joined(header(method.name), encoded(method.argument, argument)))
    const reader = new ValueReader(stream.source)
    await readResponse(reader)
    const reply = await reader.next(method.reply)
    if (reply === undefined) throw new RpcStreamError(`${method.name} answered with nil`)
    await stream.closeWrite()
    return reply
  })
}

/** Calls a streaming method: arguments go out while replies come in. Ending the iteration early cancels the call. */
export async function* callStream<Argument, Reply>(
  stream: RpcStream,
  method: StreamMethod<Argument, Reply>,
  values: Iterable<Argument> | AsyncIterable<Argument>,
  signal: AbortSignal,
): AsyncGenerator<Reply> {
  const stop = onAbort(stream, signal)
  const sending = send(stream, method, values)
  // A failed send shows as a broken stream on the reading side too; it is reported once, below.
  sending.catch((error: unknown) => stream.abort(asError(error)))
  let complete = false
  try {
    const reader = new ValueReader(stream.source)
    while ((await readResponseOrEnd(reader)) !== ended) {
      const reply = await reader.next(method.reply)
      if (reply === undefined) throw new RpcStreamError(`${method.name} answered with nil`)
      yield reply
    }
    await sending
    complete = true
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    stop()
    if (!complete && !signal.aborted) stream.abort(new Error(`the call of ${method.name} was given up`))
  }
}

async function send<Argument>(
  stream: RpcStream,
  method: StreamMethod<Argument, unknown>,
  values: Iterable<Argument> | AsyncIterable<Argument>,
): Promise<void> {
  await stream.write(header(method.name))
  for await (const value of values) await stream.write(encoded(method.argument, value))
  await stream.closeWrite()
}

async function guarded<T>(stream: RpcStream, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  const stop = onAbort(stream, signal)
  try {
    return await run()
  } catch (error) {
    signal.throwIfAborted()
    stream.abort(asError(error))
    throw error
  } finally {
    stop()
  }
}

function onAbort(stream: RpcStream, signal: AbortSignal): () => void {
  signal.throwIfAborted()
  const abort = () => stream.abort(asError(signal.reason))
  signal.addEventListener('abort', abort, { once: true })
  return () => signal.removeEventListener('abort', abort)
}

async function readResponse(reader: ValueReader): Promise<void> {
  if ((await readResponseOrEnd(reader)) === ended)
    throw new RpcStreamError('the stream ended before the answer')
}

/** Takes the header before a reply and throws the error that it may carry. */
async function readResponseOrEnd(reader: ValueReader): Promise<typeof ended | undefined> {
  const response = await reader.nextOrEnd(responseWire)
  if (response === ended) return ended
  const text = response?.Error ?? ''
  if (text !== '') throw new RpcError(text, kindOf(response?.ErrType ?? 0))
  return undefined
}

function kindOf(code: number): RpcErrorKind {
  const found = Object.entries(errorKinds).find(([, value]) => value === code)
  return (found?.[0] as RpcErrorKind | undefined) ?? 'server'
}

function header(name: string): Uint8Array {
  const [Name, Method] = name.split('.')
  return encoded(serviceIdWire, { Name, Method })
}

export function encoded<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new MsgpackWriter()
  codec.write(writer, value)
  return writer.finish()
}

export function joined(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause))
}
