/** The IPFS node beside the peer is a Kubo, reached over its RPC API (`spec/behaviour.md` §5). */
import { CID } from 'multiformats/cid'
import { authorizationHeader } from '../../runtime/authorization.ts'
import type {
  Ipfs,
  IpfsBlock,
  IpfsCallOptions,
  IpfsGcRow,
  IpfsIdentity,
  IpfsPinOptions,
  IpfsPinProgress,
  IpfsPinState,
  IpfsPinStateOptions,
  IpfsPutOptions,
  IpfsRepoStat,
} from '../../runtime/ipfs.ts'
import type { Runtime } from '../../runtime/ports.ts'
import {
  IpfsAbortedError,
  IpfsAnswerError,
  IpfsBusyError,
  type IpfsCall,
  IpfsInputError,
  IpfsRefusedError,
} from '../errors.ts'
import { Answer } from './answers.ts'
import { type BlockBatch, sendInBatches } from './block-batches.ts'
import { type BlockKind, kindOf } from './block-kinds.ts'
import type { CallLimit } from './call-scope.ts'
import { GcGuard, GuardBusyError } from './gc-guard.ts'
import { LinkedAbort } from './linked-abort.ts'
import { multipartBody } from './multipart.ts'
import { Pinning } from './pinning.ts'
import { Rpc, type RpcRequest } from './rpc.ts'

/** Limits in ms, named as in `ipfs_connector.ipfshttp` (`spec/config.md` §4.6). 0 = none. */
export interface KuboTimeouts {
  /** `ipfs_request_timeout`: of calls without a limit of their own; of lists, the longest silence. Default 5 min. */
  request?: number
  /** `unpin_timeout`. Default 3 h. */
  unpin?: number
  /** `repogc_timeout`. Default 24 h. */
  gc?: number
}

export interface KuboInit {
  /** Multiaddr of the RPC API: `/ip4/127.0.0.1/tcp/5001`, `/dns/…`, `/unix/…`, with `/https` at the end for TLS. */
  address: string
  /** `bearer:<token>` or `basic:<user>:<password>`, as Kubo's `API.Authorizations` has them. Never shown. */
  authorization?: string
  timeouts?: KuboTimeouts
  /** ms for which written blocks are safe from `gc`, see `GcGuard`. Default 1 min. */
  gcGrace?: number
  /** ms that `gc` waits for writes and their pins. Default 15 s. */
  gcPatience?: number
  runtime: Runtime
}

/** Throws `IpfsInputError` for an address that is none. Nothing is connected before the first call. */
export function createKubo(init: KuboInit): Ipfs {
  return new Kubo(init)
}

const minute = 60_000
/** ms after a write of unknown blocks in which their pin is made. */
const defaultGcGrace = 60_000
/** Half of what clients wait for an answer. */
const defaultGcPatience = 15_000
/** Roots that `gc` looks for among the pins before it waits for them. */
const maxRootsAsked = 64

/** Bytes of the largest block that is read or written. */
const maxBlock = 16 * 1024 * 1024

class Kubo implements Ipfs {
  readonly kind = 'kubo'
  readonly #rpc: Rpc
  readonly #runtime: Runtime
  readonly #pinning: Pinning
  readonly #gcGuard: GcGuard
  readonly #request: CallLimit
  readonly #limits: { unpin: number; gc: number }
  readonly #closing = new AbortController()

  constructor({ address, timeouts = {}, runtime: base, ...init }: KuboInit) {
    const runtime = { ...base, logger: base.logger.component('ipfs') }
    const request = timeouts.request ?? 5 * minute
    this.#runtime = runtime
    this.#rpc = new Rpc(address, runtime, authorizationHeader(init.authorization ?? ''))
    this.#pinning = new Pinning({ rpc: this.#rpc, runtime, requestTimeout: request })
    this.#gcGuard = new GcGuard({
      runtime,
      grace: init.gcGrace ?? defaultGcGrace,
      patience: init.gcPatience ?? defaultGcPatience,
    })
    this.#limits = { unpin: timeouts.unpin ?? 180 * minute, gc: timeouts.gc ?? 1_440 * minute }
    this.#request = { ms: request, of: 'call', setting: 'ipfs_request_timeout', reason: 'unreachable' }
  }

  async id(options?: IpfsCallOptions): Promise<IpfsIdentity> {
    const answer = await this.#ask({ path: 'id' }, options)
    return { id: answer.text('ID'), addresses: answer.texts('Addresses') }
  }

  async pinState(cid: CID, options: IpfsPinStateOptions = {}): Promise<IpfsPinState> {
    const { recursiveOnly = false, signal } = options
    if (await this.#pinning.isPinned(cid, 'recursive', signal)) {
      this.#gcGuard.pinned(cid)
      return 'recursive'
    }
    return !recursiveOnly && (await this.#pinning.isPinned(cid, 'direct', signal)) ? 'direct' : 'unpinned'
  }

  async *pins(options?: IpfsCallOptions): AsyncGenerator<{ cid: CID; state: 'recursive' | 'direct' }> {
    for (const state of ['recursive', 'direct'] as const) {
      const query: [string, string][] = [
        ['stream', 'true'],
        ['type', state],
      ]
      const call = this.#rpc.callOf('pin/ls', query)
      const limit: CallLimit = { ...this.#request, of: 'silence' }
      for await (const rows of this.#rpc.lines({ path: 'pin/ls', query, limit, signal: options?.signal })) {
        for (const row of rows) yield { cid: new Answer(call, row).cid('Cid'), state }
      }
    }
  }

  async pin(cid: CID, options: IpfsPinOptions): Promise<IpfsPinProgress> {
    const progress = await this.#pinning.pin(cid, options)
    if (options.mode === 'recursive') this.#gcGuard.pinned(cid)
    return progress
  }

  async unpin(cid: CID, options?: IpfsCallOptions): Promise<void> {
    const limit: CallLimit = { ...this.#request, ms: this.#limits.unpin, setting: 'unpin_timeout' }
    try {
      await this.#ask({ path: 'pin/rm', query: [['arg', cid.toString()]], limit }, options)
    } catch (error) {
      if (error instanceof IpfsRefusedError && error.detail.includes('not pinned or pinned indirectly'))
        return
      throw error
    }
  }

  async putBlocks(blocks: AsyncIterable<IpfsBlock>, options?: IpfsPutOptions): Promise<void> {
    using abort = new LinkedAbort(options?.signal, this.#closing.signal)
    const call = this.#rpc.callOf('block/put')
    try {
      using write = await this.#gcGuard.write(abort.signal)
      await sendInBatches(
        blocks,
        {
          kindOf: (block) => kindOrRefuse(block, call),
          send: (batch, signal) => this.#putBatch(batch, signal),
        },
        abort.signal,
      )
      write.willBePinned(options?.roots?.() ?? [])
    } catch (error) {
      throw abort.signal.aborted && error === abort.signal.reason ? new IpfsAbortedError(call, error) : error
    }
  }

  getBlock(cid: CID, options?: IpfsCallOptions): Promise<Uint8Array> {
    const limit: CallLimit = { ...this.#request, reason: 'failed' }
    const query: [string, string][] = [['arg', cid.toString()]]
    return this.#rpc.bytes({ path: 'block/get', query, limit, signal: options?.signal }, maxBlock)
  }

  async repoStat(options?: IpfsCallOptions): Promise<IpfsRepoStat> {
    const answer = await this.#ask({ path: 'repo/stat', query: [['size-only', 'true']] }, options)
    return { size: answer.count('RepoSize') ?? 0, max: answer.count('StorageMax') ?? 0 }
  }

  async *gc(options?: IpfsCallOptions): AsyncGenerator<IpfsGcRow> {
    using abort = new LinkedAbort(options?.signal, this.#closing.signal)
    const query: [string, string][] = [['stream-errors', 'true']]
    const call = this.#rpc.callOf('repo/gc', query)
    const limit: CallLimit = { ...this.#request, ms: this.#limits.gc, setting: 'repogc_timeout' }
    for (const cid of this.#gcGuard.awaited().slice(0, maxRootsAsked)) {
      await this.pinState(cid, { recursiveOnly: true, signal: abort.signal })
    }
    using _ = await this.#gcGuard.collect(abort.signal).catch((reason: unknown) => {
      if (reason instanceof GuardBusyError) throw new IpfsBusyError(call, reason.message)
      throw new IpfsAbortedError(call, reason)
    })
    try {
      for await (const rows of this.#rpc.lines({ path: 'repo/gc', query, limit, signal: abort.signal })) {
        for (const row of rows) yield gcRow(new Answer(call, row))
      }
    } catch (error) {
      // Says no more than the rows did.
      if (error instanceof IpfsRefusedError && error.detail === 'encountered errors during gc run') return
      throw error
    }
  }

  async resolve(path: string, options?: IpfsCallOptions): Promise<CID> {
    const bare = /^\/(?:ipfs|ipld)\/([^/]+)\/?$/.exec(path)?.[1]
    const known = bare === undefined ? undefined : parseCid(bare)
    if (known) return known
    const limit: CallLimit = { ...this.#request, reason: 'failed' }
    const query: [string, string][] = [['arg', path]]
    const call = this.#rpc.callOf('resolve', query)
    if (path === '') throw new IpfsInputError('an empty path cannot be resolved; write /ipfs/<cid>/…', call)
    const answer = await this.#ask({ path: 'resolve', query, limit }, options)
    const resolved = answer.text('Path')
    // What follows the CID is a way inside its block; the block is what can be pinned.
    const cid = parseCid(/^\/(?:ipfs|ipld)\/([^/]+)/.exec(resolved)?.[1] ?? '')
    if (cid === undefined)
      throw new IpfsAnswerError(call, `${JSON.stringify(resolved)} does not begin with a CID`)
    return cid
  }

  async connect(address: string, options?: IpfsCallOptions): Promise<void> {
    const limit: CallLimit = { ...this.#request, reason: 'failed' }
    await this.#ask({ path: 'swarm/connect', query: [['arg', address]], limit }, options)
  }

  async swarmPeers(options?: IpfsCallOptions): Promise<string[]> {
    const answer = await this.#ask({ path: 'swarm/peers' }, options)
    const call = this.#rpc.callOf('swarm/peers')
    return [...new Set(answer.list('Peers').map((peer) => new Answer(call, peer).text('Peer')))]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the connection to the IPFS node was closed'))
    this.#rpc.close()
  }

  async #ask(
    request: Omit<RpcRequest, 'limit'> & { limit?: CallLimit },
    options?: IpfsCallOptions,
  ): Promise<Answer> {
    const full = { limit: this.#request, ...request, signal: options?.signal }
    return new Answer(this.#rpc.callOf(request.path, request.query), await this.#rpc.json(full))
  }

  /** Sends blocks of one kind and checks that Kubo gave each the CID that it is to have. */
  async #putBatch({ kind, blocks }: BlockBatch, signal: AbortSignal): Promise<void> {
    const query: [string, string][] = [
      ['cid-codec', kind.codec],
      ['mhtype', kind.hash],
      ['mhlen', String(kind.length)],
      ['pin', 'false'],
      ['allow-big-block', 'true'],
    ]
    const call = this.#rpc.callOf('block/put', query)
    const boundary = Buffer.from(this.#runtime.random.bytes(16)).toString('hex')
    const body = multipartBody(
      blocks.map((block) => block.bytes),
      boundary,
    )
    let put = 0
    for await (const rows of this.#rpc.lines({
      path: 'block/put',
      query,
      body,
      limit: this.#request,
      signal,
    })) {
      for (const row of rows) {
        const block = blocks[put++]
        const stored = new Answer(call, row).cid('Key')
        if (block === undefined)
          throw new IpfsAnswerError(call, `it names more than the ${blocks.length} blocks sent`)
        if (!isSameBlock(stored, block.cid)) {
          throw new IpfsInputError(
            `the bytes of block ${block.cid} do not match it: they are ${stored}`,
            call,
          )
        }
      }
    }
    if (put < blocks.length)
      throw new IpfsAnswerError(call, `it names ${put} of the ${blocks.length} blocks sent`)
  }
}

/** Throws `IpfsInputError` for a block that Kubo cannot take. */
function kindOrRefuse({ cid, bytes }: IpfsBlock, call: IpfsCall): BlockKind {
  if (bytes.length > maxBlock) {
    throw new IpfsInputError(`block ${cid} is larger than ${maxBlock} bytes; cut the content smaller`, call)
  }
  const kind = kindOf(cid)
  if (kind) return kind
  const hash = `0x${cid.multihash.code.toString(16)}`
  throw new IpfsInputError(`block ${cid} has a hash function that Kubo does not know: ${hash}`, call)
}

/** Kubo answers with CIDv1 whatever version was meant. */
function isSameBlock(a: CID, b: CID): boolean {
  return a.code === b.code && Buffer.compare(a.multihash.bytes, b.multihash.bytes) === 0
}

function gcRow(answer: Answer): IpfsGcRow {
  const cid = answer.link('Key')
  const error = answer.has('Error') ? answer.text('Error') : ''
  return { ...(cid && { cid }), ...(error !== '' && { error }) }
}

function parseCid(text: string): CID | undefined {
  try {
    return CID.parse(text)
  } catch {
    return undefined
  }
}
