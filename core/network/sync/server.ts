/** Gives other peers the history that they lack (`protocol.ts`). Whatever they send costs them the stream at most. */
import type { PeerIdText } from '../../pin/pin.ts'
import type { Logger, Runtime } from '../../runtime/ports.ts'
import type { Store } from '../../runtime/store.ts'
import { SyncError } from '../errors.ts'
import type { RpcStream as ByteStream } from '../rpc/value-reader.ts'
import { type BlockHeader, readBlockHeader } from './block-header.ts'
import { Bits, cidOfDigest, DigestList, packed, unpacked } from './digests.ts'
import { FrameStream } from './frames.ts'
import { MissingWalk } from './missing.ts'
import {
  type Answer,
  decodeRequest,
  directBlocks,
  directBytes,
  encodeAnswer,
  framePayload,
  maxListed,
  maxListedAtOnce,
  type Request,
} from './protocol.ts'

export interface SyncServerInit {
  store: Pick<Store, 'block' | 'heads'>
  runtime: Runtime
}

/** Sessions at a time, of all peers together. */
const maxSessions = 16
/** Times that the other side may name older blocks. */
const maxRounds = 8
/** Milliseconds for the other side to send what it has to, and to take what it is sent. */
const stallTimeout = 60_000
/** Milliseconds of work after which everybody else gets a turn. */
const turn = 10

export class SyncServer {
  readonly #init: SyncServerInit
  readonly #logger: Logger
  #sessions = 0

  constructor(init: SyncServerInit) {
    this.#init = init
    this.#logger = init.runtime.logger.component('crdt')
  }

  /** Sessions that are under way. */
  get sessions(): number {
    return this.#sessions
  }

  /** Serves one session. Never rejects. */
  async serve(stream: ByteStream, peer: PeerIdText): Promise<void> {
    const frames = new FrameStream(stream, this.#init.runtime.scheduler)
    this.#sessions++
    try {
      if (this.#sessions > maxSessions)
        await send(frames, { kind: 'refused', reason: 'too many sessions; try again' })
      else await new Session(this.#init, frames).run()
      await frames.closeWrite()
    } catch (error) {
      this.#logger.debug('a peer that catches up broke off', { peer, error: String(error) })
      frames.abort(error instanceof Error ? error : new Error(String(error)))
    } finally {
      this.#sessions--
    }
  }
}

class Session {
  readonly #init: SyncServerInit
  readonly #frames: FrameStream
  readonly #walk: MissingWalk
  readonly #missing = new DigestList(maxListed)
  /** The missing blocks themselves, as long as they are few. */
  #direct: Uint8Array[] | undefined = []
  #directBytes = 0
  /** The bytes of the block that was read last: mostly it is the one that is missing next. */
  #lastRead: { digest: Uint8Array; bytes: Uint8Array } | undefined
  /** Names that are found and not sent yet. */
  #unsent: Uint8Array[] = []
  #turnEnd = 0

  constructor(init: SyncServerInit, frames: FrameStream) {
    this.#init = init
    this.#frames = frames
    this.#walk = new MissingWalk((digest) => this.#header(digest))
    this.#newTurn()
  }

  async run(): Promise<void> {
    if (!(await this.#negotiate())) {
      await send(this.#frames, { kind: 'refused', reason: 'none of the wanted blocks is here' })
      return
    }
    for (let found = this.#walk.step(); found !== 'done'; found = this.#walk.step()) {
      if (found !== undefined) await this.#found(found)
      await this.#pause()
    }
    if (this.#direct === undefined) await this.#sendSelected()
    else await this.#sendBlocks(this.#direct.toReversed())
    await send(this.#frames, { kind: 'end' })
  }

  /** Hears what the other side wants and has. False when nothing of what it wants is here. */
  async #negotiate(): Promise<boolean> {
    let wanted = false
    for (let round = 1; ; round++) {
      const { wants, haves, more } = await this.#read('want')
      let known = false
      for (const digest of unpacked(haves)) known = this.#walk.have(digest) || known
      if (round === 1) wanted = this.#wantAny(wants)
      if (known || !more || !wanted || round === maxRounds) return wanted
      await send(this.#frames, { kind: 'deeper' })
    }
  }

  /** No names stand for all heads. */
  #wantAny(wants: Uint8Array): boolean {
    const heads = this.#init.store.heads().map(({ cid }) => cid.multihash.digest)
    let wanted = wants.length === 0
    for (const digest of wanted ? heads : unpacked(wants)) wanted = this.#walk.want(digest) || wanted
    return wanted
  }

  async #found(digest: Uint8Array): Promise<void> {
    this.#missing.push(digest)
    if (this.#direct !== undefined) {
      const bytes = this.#block(digest)
      this.#direct.push(bytes)
      this.#directBytes += bytes.length
      if (this.#direct.length > directBlocks || this.#directBytes > directBytes) this.#direct = undefined
    }
    this.#unsent.push(digest)
    if (this.#direct === undefined && this.#unsent.length >= maxListedAtOnce) await this.#list(false)
  }

  async #list(last: boolean): Promise<void> {
    const digests = packed(this.#unsent)
    this.#unsent = []
    await send(this.#frames, { kind: 'listed', digests, last })
  }

  async #sendSelected(): Promise<void> {
    await this.#list(true)
    const { bits } = await this.#read('select')
    const selected = bits.length === 0 ? undefined : new Bits(bits)
    await this.#sendBlocks(this.#oldestFirst(selected))
  }

  *#oldestFirst(selected: Bits | undefined): Generator<Uint8Array> {
    for (let index = this.#missing.size - 1; index >= 0; index--) {
      if (selected?.has(index) ?? true) yield this.#block(this.#missing.at(index))
    }
  }

  async #sendBlocks(all: Iterable<Uint8Array>): Promise<void> {
    let blocks: Uint8Array[] = []
    let bytes = 0
    for (const block of all) {
      if (blocks.length > 0 && bytes + block.length > framePayload) {
        await send(this.#frames, { kind: 'blocks', blocks })
        blocks = []
        bytes = 0
      }
      blocks.push(block)
      bytes += block.length
      await this.#pause()
    }
    if (blocks.length > 0) await send(this.#frames, { kind: 'blocks', blocks })
  }

  async #read<Kind extends Request['kind']>(kind: Kind): Promise<Extract<Request, { kind: Kind }>> {
    const frame = await this.#frames.read(stallTimeout)
    if (frame === undefined) throw new SyncError('the other peer ended the stream')
    const request = decodeRequest(frame)
    if (request.kind !== kind) throw new SyncError(`${request.kind} where ${kind} was expected`)
    return request as Extract<Request, { kind: Kind }>
  }

  #header(digest: Uint8Array): BlockHeader | undefined {
    const bytes = this.#init.store.block(cidOfDigest(digest))
    if (bytes === undefined) return undefined
    this.#lastRead = { digest, bytes }
    return readBlockHeader(bytes)
  }

  #block(digest: Uint8Array): Uint8Array {
    if (this.#lastRead?.digest === digest) return this.#lastRead.bytes
    const bytes = this.#init.store.block(cidOfDigest(digest))
    if (bytes === undefined) throw new Error(`block ${cidOfDigest(digest)} is gone`)
    return bytes
  }

  /** A walk over a long history is work without waiting: others get their turn in between. */
  async #pause(): Promise<void> {
    const { clock, scheduler } = this.#init.runtime
    if (clock.monotonic() < this.#turnEnd) return
    await new Promise<void>((resolve) => scheduler.after(0, resolve))
    this.#newTurn()
  }

  #newTurn(): void {
    this.#turnEnd = this.#init.runtime.clock.monotonic() + turn
  }
}

async function send(frames: FrameStream, answer: Answer): Promise<void> {
  await frames.write(encodeAnswer(answer), stallTimeout)
}
