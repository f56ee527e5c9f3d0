/**
 * Follows the IPFS node beside the peer: whether it answers, and as whom. The peer is up before its IPFS node is, and what
 * asks for the node's identity never waits for it (`spec/behaviour.md` §11 nos. 23, 39).
 */
import type { Storage } from 'unstorage'
import { messageOf } from '../error-text.ts'
import { Deadline } from '../runtime/deadline.ts'
import type { Ipfs, IpfsIdentity } from '../runtime/ipfs.ts'
import type { Logger, Runtime, Timer } from '../runtime/ports.ts'

/** Milliseconds between two looks at a node that does not answer. */
const retryInterval = 1_000
/** Milliseconds between two looks at a node that answers. */
const checkInterval = 10_000
/** Milliseconds that one look may take. */
const checkTimeout = 5_000

const cacheKey = 'ipfs-identity'

export interface IpfsView {
  /** Undefined while the node has never answered, neither now nor before the last restart. */
  identity: IpfsIdentity | undefined
  /** Why the node does not answer; empty while it does. */
  error: string
}

export interface IpfsWatchInit {
  ipfs: Ipfs
  /** Small values that may be lost: here the last identity. */
  cache: Storage
  runtime: Runtime
}

export class IpfsWatch implements AsyncDisposable {
  readonly #ipfs: Ipfs
  readonly #cache: Storage
  readonly #runtime: Runtime
  readonly #logger: Logger
  readonly #closing = new AbortController()
  readonly #ready = Promise.withResolvers<void>()
  #view: IpfsView = { identity: undefined, error: 'the IPFS node has not answered yet' }
  #timer: Timer | undefined
  #look: Promise<void> | undefined

  constructor(init: IpfsWatchInit) {
    this.#ipfs = init.ipfs
    this.#cache = init.cache
    this.#runtime = init.runtime
    this.#logger = init.runtime.logger.component('ipfs')
    this.#ready.promise.catch(() => undefined)
  }

  /** Begins to look; `ready` resolves at the first answer. */
  async start(): Promise<void> {
    const remembered = await this.#cache.getItem<IpfsIdentity>(cacheKey)
    if (isIdentity(remembered)) this.#view = { ...this.#view, identity: remembered }
    this.#schedule(0)
  }

  get view(): IpfsView {
    return this.#view
  }

  /** Resolves once the node has answered; rejects when closed before. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  #schedule(delay: number): void {
    if (this.#closing.signal.aborted) return
    this.#timer = this.#runtime.scheduler.after(delay, () => {
      this.#look = this.#check().then((answered) => this.#schedule(answered ? checkInterval : retryInterval))
    })
  }

  async #check(): Promise<boolean> {
    const { signal } = this.#closing
    const late = () => new Error(`the IPFS node did not answer within ${checkTimeout / 1_000} s`)
    using deadline = new Deadline(this.#runtime.scheduler, checkTimeout, { signal, late })
    try {
      const identity = await this.#ipfs.id({ signal: deadline.signal })
      await this.#found(identity)
      return true
    } catch (error) {
      if (!signal.aborted) this.#lost(messageOf(error))
      return false
    }
  }

  async #found(identity: IpfsIdentity): Promise<void> {
    const known = this.#view
    if (known.error !== '' || known.identity?.id !== identity.id) {
      this.#logger.info('the IPFS node answers', { kind: this.#ipfs.kind, ipfs: identity.id })
    }
    this.#view = { identity, error: '' }
    this.#ready.resolve()
    // The node's addresses change now and then; the cache is only written when they did.
    if (JSON.stringify(known.identity) !== JSON.stringify(identity)) await this.#remember(identity)
  }

  async #remember(identity: IpfsIdentity): Promise<void> {
    try {
      await this.#cache.setItem(cacheKey, { ...identity })
    } catch (error) {
      this.#logger.debug('the last IPFS identity could not be cached', { error: String(error) })
    }
  }

  #lost(error: string): void {
    if (this.#view.error !== error)
      this.#logger.warn('the IPFS node does not answer; pins wait for it', { error })
    this.#view = { ...this.#view, error }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('the peer is stopping'))
    this.#timer?.cancel()
    this.#ready.reject(new Error('the peer stopped before its IPFS node answered'))
    await this.#look
  }
}

function isIdentity(value: IpfsIdentity | null): value is IpfsIdentity {
  return typeof value?.id === 'string' && Array.isArray(value.addresses)
}
