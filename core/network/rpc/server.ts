/**
 * Serves calls: one stream, one call. Whatever a caller sends costs it the stream at most, never the process
 * (`spec/wire.md` §6).
 */
import { messageOf } from '../../error-text.ts'
import type { PeerIdText } from '../../pin/pin.ts'
import type { Logger, Scheduler } from '../../runtime/ports.ts'
import { encoded, joined } from './client.ts'
import { errorKinds, type RpcErrorKind, RpcStreamError } from './errors.ts'
import type { RpcContext, StreamHandler, UnaryHandler } from './method.ts'
import { MsgpackError } from './msgpack.ts'
import type { Codec } from './schema.ts'
import { ended, type ReadingRules, type RpcStream, ValueReader } from './value-reader.ts'
import type { WaitingRoom } from './waiting-room.ts'
import { responseWire, serviceIdWire } from './wire-types.ts'

/** Bytes of service and method name together. */
const maxNameBytes = 256

// The table holds methods of all types at once; each handler only ever meets values of its own codecs.
// biome-ignore lint/suspicious/noExplicitAny: a heterogeneous table cannot name one argument and reply type
export type AnyHandler = UnaryHandler<any, any> | StreamHandler<any, any>

export interface RpcServerInit {
  handlers: AnyHandler[]
  isTrusted: (peer: PeerIdText) => boolean
  scheduler: Scheduler
  logger: Logger
  /** Shared by all servers of a peer. */
  room: WaitingRoom
}

interface Call {
  stream: RpcStream
  reader: ValueReader
  service: { Name: string; Method: string }
  caller: PeerIdText
}

export class RpcServer {
  readonly #services = new Map<string, Map<string, AnyHandler>>()
  readonly #isTrusted: (peer: PeerIdText) => boolean
  readonly #logger: Logger
  readonly #rules: Omit<ReadingRules, 'stalled'>
  #calls = 0

  constructor(init: RpcServerInit) {
    this.#rules = { room: init.room, scheduler: init.scheduler }
    this.#isTrusted = init.isTrusted
    this.#logger = init.logger.component('p2p-gorpc')
    for (const handler of init.handlers) {
      const [service = '', method = ''] = handler.method.name.split('.')
      const methods = this.#services.get(service) ?? new Map<string, AnyHandler>()
      this.#services.set(service, methods.set(method, handler))
    }
  }

  /** Calls that are under way. */
  get calls(): number {
    return this.#calls
  }

  /** Serves the one call of a stream. Never rejects. */
  async serve(stream: RpcStream, caller: PeerIdText): Promise<void> {
    this.#calls++
    try {
      const stalled = () => stream.abort(new RpcStreamError('the caller stood still'))
      using reader = new ValueReader(stream.source, { ...this.#rules, stalled })
      const id = await reader.next(serviceIdWire)
      const service = { Name: id?.Name ?? '', Method: id?.Method ?? '' }
      if (service.Name.length + service.Method.length > maxNameBytes) {
        throw new RpcStreamError(`a method name of more than ${maxNameBytes} bytes`)
      }
      await this.#dispatch({ stream, reader, service, caller })
    } catch (error) {
      this.#logger.debug('a call broke off', { peer: caller, error: String(error) })
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    } finally {
      this.#calls--
    }
  }

  async #dispatch(call: Call): Promise<void> {
    const { Name, Method } = call.service
    const methods = this.#services.get(Name)
    const handler = methods?.get(Method)
    if (methods === undefined) return refuse(call, `rpc: can't find service ${Name}`, 'server')
    if (handler === undefined) return refuse(call, `rpc: can't find method ${Method}`, 'server')
    if (handler.method.policy === 'trusted' && !this.#isTrusted(call.caller)) {
      return refuse(call, `client does not have permissions to call ${Name}.${Method}`, 'authorization')
    }
    const cancel = new AbortController()
    const context: RpcContext = { caller: call.caller, signal: cancel.signal }
    call.stream.onClose?.(() => cancel.abort(new Error('the caller has gone')))
    try {
      if (isUnary(handler)) await this.#unary(call, handler, context, cancel)
      else if (isStream(handler)) await this.#stream(call, handler, context)
    } finally {
      cancel.abort(new Error('the call has ended'))
    }
  }

  async #unary(
    call: Call,
    handler: UnaryHandler<unknown, unknown>,
    context: RpcContext,
    cancel: AbortController,
  ): Promise<void> {
    let argument: unknown
    try {
      argument = await call.reader.next(handler.method.argument)
    } catch (error) {
      if (error instanceof MsgpackError) return refuse(call, error.message, 'server')
      throw error
    }
    // The caller keeps its half open until it has the reply; its end means that nobody waits any more.
    call.reader.drained().then(
      () => cancel.abort(new Error('context canceled')),
      () => cancel.abort(new Error('context canceled')),
    )
    try {
      const reply = await Promise.race([handler.handle(argument, context), rejectedBy(context.signal)])
      await answer(call, handler.method.reply, reply)
    } catch (error) {
      await refuse(call, messageOf(error), 'method')
      return
    }
    await call.stream.closeWrite()
  }

  async #stream(call: Call, handler: StreamHandler<unknown, unknown>, context: RpcContext): Promise<void> {
    const pump = async () => {
      for await (const reply of handler.handle(values(call.reader, handler.method.argument), context)) {
        await answer(call, handler.method.reply, reply)
      }
    }
    try {
      // A handler that waits for something else does not notice that nobody waits for it any more.
      await Promise.race([pump(), rejectedBy(context.signal)])
    } catch (error) {
      return refuse(call, messageOf(error), error instanceof MsgpackError ? 'server' : 'method')
    }
    await call.stream.closeWrite()
  }
}

function isUnary(handler: AnyHandler): handler is UnaryHandler<unknown, unknown> {
  return handler.method.kind === 'unary'
}

function isStream(handler: AnyHandler): handler is StreamHandler<unknown, unknown> {
  return handler.method.kind === 'stream'
}

async function* values<T>(reader: ValueReader, codec: Codec<T>): AsyncGenerator<T> {
  for (;;) {
    const value = await reader.nextOrEnd(codec)
    if (value === ended) return
    if (value === undefined) throw new MsgpackError('msgpack has nil where a value is expected')
    yield value
  }
}

async function answer<T>(call: Call, codec: Codec<T>, reply: T): Promise<void> {
  await call.stream.write(joined(encoded(responseWire, { Service: call.service }), encoded(codec, reply)))
}

async function refuse(call: Call, text: string, kind: RpcErrorKind): Promise<void> {
  const response = encoded(responseWire, {
    Service: call.service,
    // An error with an empty text is no error to a Go caller.
    Error: text === '' ? 'unknown error' : text,
    ErrType: errorKinds[kind] === 0 ? undefined : errorKinds[kind],
  })
  await call.stream.write(joined(response, nil))
  await call.stream.closeWrite()
}

const nil = new Uint8Array([0xc0])

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
