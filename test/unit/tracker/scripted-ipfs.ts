/** An IPFS node whose every answer the test gives by hand. */
import type { CID } from 'multiformats/cid'
import type {
  IpfsCallOptions,
  IpfsFailureReason,
  IpfsIdentity,
  IpfsPinOptions,
  IpfsPinProgress,
  IpfsPinState,
} from '../../../core/runtime/ipfs.ts'
import type { TrackerIpfs } from '../../../core/tracker/driver.ts'

export interface ScriptedCall {
  kind: 'pinState' | 'pin' | 'unpin'
  cid: CID
  options: Partial<IpfsPinOptions>
  /** What an abort says; undefined while the call runs. */
  aborted: () => boolean
  answer: (value: IpfsPinState | IpfsPinProgress | undefined) => void
  fail: (reason: IpfsFailureReason, message?: string) => void
}

export class ScriptedIpfs implements TrackerIpfs {
  /** Calls without an answer, oldest first. */
  readonly open: ScriptedCall[] = []
  /** Names of all calls so far. */
  readonly log: string[] = []
  identity = 'ipfs-one'
  repository: string | undefined
  /** While set, the node does not answer. */
  down: string | undefined
  /** It takes probes and answers none. */
  hangs = false
  /** What `pinState` says at once; undefined = the test answers. */
  state: IpfsPinState | undefined = 'unpinned'
  probes = 0
  /** Times `pinState` was asked. */
  checks = 0

  #awaited: { kind: ScriptedCall['kind']; resolve: () => void }[] = []

  async id({ signal }: IpfsCallOptions = {}): Promise<IpfsIdentity> {
    this.probes++
    if (this.hangs) await untilAborted(signal)
    if (this.down !== undefined) throw failure('unreachable', this.down)
    const { repository } = this
    return { id: this.identity, addresses: [], ...(repository === undefined ? {} : { repository }) }
  }

  async pinState(cid: CID, options: IpfsCallOptions = {}): Promise<IpfsPinState> {
    this.checks++
    if (this.state !== undefined) return this.state
    return (await this.#call('pinState', cid, options)) as IpfsPinState
  }

  async pin(cid: CID, options: IpfsPinOptions): Promise<IpfsPinProgress> {
    return (await this.#call('pin', cid, options)) as IpfsPinProgress
  }

  async unpin(cid: CID, options: IpfsCallOptions = {}): Promise<void> {
    await this.#call('unpin', cid, options)
  }

  /** Resolves at the next call of a kind, or at once while one is open. */
  called(kind: ScriptedCall['kind']): Promise<void> {
    if (this.open.some((call) => call.kind === kind)) return Promise.resolve()
    return new Promise((resolve) => this.#awaited.push({ kind, resolve }))
  }

  /** The open call for `cid`. */
  callFor(cid: CID): ScriptedCall {
    const call = this.open.find((open) => open.cid.equals(cid))
    if (call === undefined)
      throw new Error(`nothing is asked about ${cid}; the log is: ${this.log.join(', ')}`)
    return call
  }

  #call(kind: ScriptedCall['kind'], cid: CID, options: Partial<IpfsPinOptions>): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.log.push(`${kind} ${cid}`)
    const end = () => this.open.splice(this.open.indexOf(call), 1)
    const call: ScriptedCall = {
      kind,
      cid,
      options,
      aborted: () => options.signal?.aborted ?? false,
      answer: (value) => {
        end()
        resolve(value)
      },
      fail: (reason, message = reason) => {
        end()
        reject(failure(reason, message))
      },
    }
    this.open.push(call)
    this.#awaited = this.#awaited.filter((awaited) => {
      if (awaited.kind === kind) awaited.resolve()
      return awaited.kind !== kind
    })
    return promise
  }
}

function failure(reason: IpfsFailureReason, message: string): Error {
  return Object.assign(new Error(message), { reason })
}

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) =>
    signal?.addEventListener('abort', () => reject(failure('aborted', 'aborted'))),
  )
}
