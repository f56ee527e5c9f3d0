/** Catches up with other peers that speak `/ipfscluster/sync/1.0.0` (`protocol.ts`). */
import { createHash } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import type { PeerIdText } from '../../pin/pin.ts'
import type { Scheduler } from '../../runtime/ports.ts'
import { SyncError } from '../errors.ts'
import type { History, HistoryPart } from '../history.ts'
import type { RpcStream as ByteStream } from '../rpc/value-reader.ts'
import { ClientSession, type SessionStore, type Step } from './client-session.ts'
import { FrameStream } from './frames.ts'
import { decodeAnswer, encodeRequest } from './protocol.ts'

export interface SyncClientInit {
  store: SessionStore
  /** Rejects when the peer does not speak the protocol. */
  open(peer: PeerIdText, signal: AbortSignal): Promise<ByteStream>
  /** True of peers that are connected and may speak the protocol. */
  speaks(peer: PeerIdText): boolean
  scheduler: Scheduler
}

/** Milliseconds for the other side to send the next frame, or to take one. */
const stallTimeout = 30_000

export class SyncClient implements Omit<History, 'onPeer'> {
  readonly #init: SyncClientInit

  constructor(init: SyncClientInit) {
    this.#init = init
  }

  speaks(peer: PeerIdText): boolean {
    return this.#init.speaks(peer)
  }

  async *fetch(peer: PeerIdText, heads: readonly CID[], signal: AbortSignal): AsyncGenerator<HistoryPart> {
    const { store, open, scheduler } = this.#init
    const frames = new FrameStream(await open(peer, signal), scheduler)
    const stop = () => frames.abort(new Error('no longer wanted'))
    signal.addEventListener('abort', stop, { once: true })
    let step: Step = {}
    try {
      const session = new ClientSession(store, heads, nativeSha256)
      await frames.write(encodeRequest(session.begin()), stallTimeout)
      while (step.done !== true) {
        const frame = await frames.read(stallTimeout)
        if (frame === undefined) throw new SyncError('the other peer ended the stream')
        step = session.take(decodeAnswer(frame))
        if (step.send !== undefined) await frames.write(encodeRequest(step.send), stallTimeout)
        if (step.blocks !== undefined) yield { blocks: step.blocks, left: session.left }
      }
      await frames.closeWrite()
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', stop)
      if (step.done !== true) stop()
    }
  }
}

function nativeSha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}
