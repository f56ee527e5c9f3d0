/** Pinning on Kubo: what is asked in which order, and how a pin that gets nothing is told from one that is only slow. */
import type { CID } from 'multiformats/cid'
import type { IpfsPinOptions, IpfsPinProgress } from '../../runtime/ipfs.ts'
import type { Runtime } from '../../runtime/ports.ts'
import { IpfsAnswerError, IpfsRefusedError, IpfsStallError, IpfsTimeoutError } from '../errors.ts'
import { Answer } from './answers.ts'
import type { CallLimit } from './call-scope.ts'
import { LinkedAbort } from './linked-abort.ts'
import type { Rpc } from './rpc.ts'
import { StallWatch } from './stall-watch.ts'

/** Origins of a pin that are connected to (`spec/behaviour.md` §5.1). */
const maxOrigins = 10

export interface PinningInit {
  rpc: Rpc
  runtime: Runtime
  /** ms in which a sound Kubo answers. */
  requestTimeout: number
}

export class Pinning {
  readonly #rpc: Rpc
  readonly #runtime: Runtime
  readonly #limit: CallLimit

  constructor({ rpc, runtime, requestTimeout }: PinningInit) {
    this.#rpc = rpc
    this.#runtime = runtime
    this.#limit = {
      ms: requestTimeout,
      of: 'silence',
      setting: 'ipfs_request_timeout',
      reason: 'unreachable',
    }
  }

  /** Looks only among the pins of this mode. */
  async isPinned(cid: CID, mode: 'recursive' | 'direct', signal?: AbortSignal): Promise<boolean> {
    const query: [string, string][] = [
      ['stream', 'true'],
      ['arg', cid.toString()],
      ['type', mode],
    ]
    try {
      let found = false
      await this.#rpc.each({ path: 'pin/ls', query, limit: this.#limit, signal }, () => {
        found = true
      })
      return found
    } catch (error) {
      if (error instanceof IpfsRefusedError && error.detail.endsWith('not pinned')) return false
      throw error
    }
  }

  /**
   * Asks first whether the pin is there, unless that is known: `pin/add` of a CID that is pinned recursively drops that pin
   * until it has walked the DAG again.
   */
  async pin(cid: CID, options: IpfsPinOptions): Promise<IpfsPinProgress> {
    const { mode, isUnpinned = false, origins = [], updateFrom, signal } = options
    if (!isUnpinned && (await this.isPinned(cid, mode, signal))) return { blocks: 0 }
    // Nearly all pins have no origins.
    using connecting = origins.length > 0 ? new LinkedAbort(signal) : undefined
    if (connecting !== undefined) this.#connectTo(origins, connecting.signal)
    try {
      const updated = mode === 'recursive' && updateFrom && (await this.#update(updateFrom, cid, options))
      return updated ? { blocks: 0 } : await this.#add(cid, options)
    } catch (error) {
      if (mode === 'direct' && isPinnedRecursively(error)) return { blocks: 0 }
      throw error
    } finally {
      connecting?.abort(new Error('the pin has ended'))
    }
  }

  /** In the background: the pin begins at once, and goes on without those that cannot be reached. */
  #connectTo(addresses: string[], signal: AbortSignal): void {
    for (const address of addresses.slice(0, maxOrigins)) {
      const limit: CallLimit = { ...this.#limit, of: 'call', reason: 'failed' }
      this.#rpc
        .json({ path: 'swarm/connect', query: [['arg', address]], limit, signal })
        .catch((error: Error) => {
          this.#runtime.logger.debug('an origin was not connected', { address, error: error.message })
        })
    }
  }

  /**
   * True when `pin/update` pinned `to`. It tells no progress, so it is only given the time that a pin may be without any;
   * then a plain pin goes on from what has arrived.
   */
  async #update(from: CID, to: CID, { stallTimeout, signal }: IpfsPinOptions): Promise<boolean> {
    if (!(await this.isPinned(from, 'recursive', signal))) return false
    const limit: CallLimit = { ms: stallTimeout, of: 'call', setting: 'pin_timeout', reason: 'failed' }
    const query: [string, string][] = [
      ['arg', from.toString()],
      ['arg', to.toString()],
      ['unpin', 'false'],
    ]
    try {
      await this.#rpc.json({ path: 'pin/update', query, limit, signal })
      return true
    } catch (error) {
      if (!(error instanceof IpfsTimeoutError || error instanceof IpfsRefusedError)) throw error
      this.#runtime.logger.debug('a pin update goes on as a plain pin', {
        cid: to.toString(),
        error: error.message,
      })
      // Somebody else may have pinned it meanwhile, which is why Kubo refuses.
      return this.isPinned(to, 'recursive', signal)
    }
  }

  async #add(cid: CID, options: IpfsPinOptions): Promise<IpfsPinProgress> {
    const query: [string, string][] = [
      ['arg', cid.toString()],
      ['recursive', String(options.mode === 'recursive')],
      ['progress', 'true'],
    ]
    const call = this.#rpc.callOf('pin/add', query)
    using stall = new StallWatch(options, this.#runtime, (progress) => {
      return new IpfsStallError(call, options.stallTimeout, progress)
    })
    let pinned = false
    try {
      const request = { path: 'pin/add', query, limit: this.#limit, signal: stall.signal }
      await this.#rpc.each(request, (row) => {
        const answer = new Answer(call, row)
        if (answer.has('Pins')) pinned = true
        else stall.arrived(answer.count('Progress') ?? 0, answer.count('Bytes'))
      })
    } catch (error) {
      throw stall.error ?? error
    }
    if (!pinned) throw new IpfsAnswerError(call, 'it ended without saying that the pin was made')
    return stall.progress
  }
}

function isPinnedRecursively(error: unknown): boolean {
  return error instanceof IpfsRefusedError && error.detail.endsWith('already pinned recursively')
}
