/**
 * A typed client of the REST API (`spec/rest-api.md`). It loads nothing of libp2p, gives long answers as they come, and
 * turns to the next address when one cannot be reached.
 */
import { randomBytes } from 'node:crypto'
import type { CID } from 'multiformats/cid'
import { defaultPinOptions, pinOptionsToQuery } from '../pin/options.ts'
import type { PinOptions } from '../pin/pin.ts'
import { type ApiAddress, parseApiAddress } from './address.ts'
import { answerOf, type Expected, objectsOf, refusalOf } from './answer.ts'
import { ApiError, StrangeAnswerError } from './errors.ts'
import { pinPath } from './pin-path.ts'
import { maxRedirects, redirected } from './redirect.ts'
import type {
  AddedObject,
  AlertObject,
  BandwidthObject,
  ConnectGraphObject,
  GlobalPinObject,
  IdObject,
  MetricObject,
  PinObject,
  RepoGcObject,
  TokenObject,
  VersionObject,
} from './shapes.ts'
import { type Answer, type Exchange, exchange } from './transport.ts'
import { multipartBody, type Upload } from './upload.ts'

export interface ClusterClientInit {
  /** Multiaddrs or URLs, tried in this order. */
  addresses: string[]
  credentials?: { user: string; password: string }
  /** Speaks TLS where an address leaves it open. */
  tls?: boolean
  /** Takes any certificate when false. */
  verifyCertificate?: boolean
  /** Milliseconds a request may take, 0 = any; of streams and uploads only the wait for the answer counts. */
  timeout?: number
}

export interface RequestOptions {
  signal?: AbortSignal
}

export interface PinRequest extends Partial<PinOptions> {
  /** Only tells what would be stored, and where. */
  dryRun?: boolean
}

/** Query parameters of `POST /add` besides the pin options; what is left out is the peer's default. */
export interface AddQuery {
  pin: Partial<PinOptions>
  parameters: Record<string, string | number | boolean>
}

/** What pins and statuses have in every version of a peer; the rest may be absent. */
const pinKeys = ['cid'] as const
const statusKeys = ['cid'] as const

export class ClusterClient {
  readonly addresses: readonly ApiAddress[]
  readonly #init: ClusterClientInit

  /** Throws `ApiAddressError`. */
  constructor(init: ClusterClientInit) {
    this.#init = init
    this.addresses = init.addresses.map((text) => parseApiAddress(text, init.tls))
  }

  id(options: RequestOptions = {}): Promise<IdObject> {
    return this.#object('GET', '/id', ['id'], options)
  }

  version(options: RequestOptions = {}): Promise<VersionObject> {
    return this.#object('GET', '/version', ['version'], options)
  }

  peers(options: RequestOptions = {}): AsyncGenerator<IdObject> {
    return this.#stream('GET', '/peers', ['id'], options)
  }

  peerAdd(peer: string, options: RequestOptions = {}): Promise<IdObject> {
    return this.#object('POST', '/peers', ['id'], options, { peer_id: peer })
  }

  async peerRemove(peer: string, options: RequestOptions = {}): Promise<void> {
    await this.#object('DELETE', `/peers/${encodeURIComponent(peer)}`, 'nothing', options)
  }

  connectGraph(options: RequestOptions = {}): Promise<ConnectGraphObject> {
    return this.#object('GET', '/health/graph', ['cluster_id'], options)
  }

  /** The newest first; `null` from a peer of another version may mean none. */
  alerts(options: RequestOptions = {}): Promise<AlertObject[] | null> {
    return this.#object('GET', '/health/alerts', 'list', options)
  }

  bandwidth(options: RequestOptions = {}): Promise<BandwidthObject> {
    return this.#object('GET', '/health/bandwidth', [], options)
  }

  metricNames(options: RequestOptions = {}): Promise<string[] | null> {
    return this.#object('GET', '/monitor/metrics', 'list', options)
  }

  metrics(name: string, options: RequestOptions = {}): Promise<MetricObject[] | null> {
    // `tag:group` stays readable, as the original's client asks for it.
    const segment = encodeURIComponent(name).replaceAll('%3A', ':')
    return this.#object('GET', `/monitor/metrics/${segment}`, 'list', options)
  }

  /** A token that stands for the user of this client. */
  token(options: RequestOptions = {}): Promise<TokenObject> {
    return this.#object('POST', '/token', ['token'], options)
  }

  /** Resolves when the peer is there; nobody need be a user for that. */
  async health(options: RequestOptions = {}): Promise<void> {
    await this.#object('GET', '/health', 'nothing', options)
  }

  /** Pins a CID, or what a path leads to. */
  pin(path: string, request: PinRequest = {}, options: RequestOptions = {}): Promise<PinObject> {
    const { dryRun, ...pin } = request
    const query = pinOptionsToQuery({ ...defaultPinOptions(), ...pin })
    if (dryRun) query.set('dry-run', 'true')
    return this.#object('POST', `/pins${apiPath(path)}?${query}`, pinKeys, options)
  }

  unpin(path: string, options: RequestOptions = {}): Promise<PinObject> {
    return this.#object('DELETE', `/pins${apiPath(path)}`, pinKeys, options)
  }

  /** Pins `to` with the options of the pin of `from`. */
  pinUpdate(
    from: CID,
    to: string,
    request: Pick<PinRequest, 'name' | 'expireAt'> = {},
    options: RequestOptions = {},
  ): Promise<PinObject> {
    return this.pin(to, { ...request, pinUpdate: from }, options)
  }

  allocation(cid: string, options: RequestOptions = {}): Promise<PinObject> {
    return this.#object('GET', `/allocations/${encodeURIComponent(cid)}`, pinKeys, options)
  }

  /** `filter`: pin types, comma separated; empty = all. */
  allocations(filter: string, options: RequestOptions = {}): AsyncGenerator<PinObject> {
    return this.#stream('GET', `/allocations?${new URLSearchParams({ filter })}`, pinKeys, options)
  }

  status(cid: string, options: RequestOptions & { local?: boolean } = {}): Promise<GlobalPinObject> {
    return this.#object('GET', `/pins/${encodeURIComponent(cid)}?${localQuery(options)}`, statusKeys, options)
  }

  /** `filter`: statuses, comma separated; empty = all. With `cids` only they are asked for, and the filter is ignored. */
  statusAll(
    options: RequestOptions & { local?: boolean; filter?: string; cids?: string[] } = {},
  ): AsyncGenerator<GlobalPinObject> {
    const query = localQuery(options)
    query.set('filter', options.filter ?? '')
    query.set('cids', (options.cids ?? []).join(','))
    return this.#stream('GET', `/pins?${query}`, statusKeys, options)
  }

  recover(cid: string, options: RequestOptions & { local?: boolean } = {}): Promise<GlobalPinObject> {
    return this.#object(
      'POST',
      `/pins/${encodeURIComponent(cid)}/recover?${localQuery(options)}`,
      statusKeys,
      options,
    )
  }

  recoverAll(options: RequestOptions & { local?: boolean } = {}): AsyncGenerator<GlobalPinObject> {
    return this.#stream('POST', `/pins/recover?${localQuery(options)}`, statusKeys, options)
  }

  repoGc(options: RequestOptions & { local?: boolean } = {}): Promise<RepoGcObject> {
    return this.#object('POST', `/ipfs/gc?${localQuery(options)}`, [], options)
  }

  /** Uploads and yields what was added, progress lines too when `parameters` ask for them. */
  async *add(
    uploads: AsyncIterable<Upload>,
    query: AddQuery,
    options: RequestOptions = {},
  ): AsyncGenerator<AddedObject> {
    const search = pinOptionsToQuery({ ...defaultPinOptions(), ...query.pin })
    for (const [name, value] of Object.entries(query.parameters)) search.set(name, String(value))
    search.set('stream-channels', 'true')
    const body = multipartBody(uploads, `cluster-${randomBytes(24).toString('hex')}`)
    const init: Exchange = {
      ...this.#exchange('POST', `/add?${search}`, options),
      headers: { 'Content-Type': body.contentType },
      body: body.content,
      isUpload: true,
    }
    // A body can be sent once only: the address is chosen before.
    const address = this.addresses.length === 1 ? this.addresses[0]! : await this.#firstThatAnswers(options)
    yield* objectsOf<AddedObject>(await this.#send(address, init), ['name'])
  }

  async #object<Result>(
    method: Exchange['method'],
    path: string,
    expected: Expected,
    options: RequestOptions,
    body?: object,
  ): Promise<Result> {
    const timeout = this.#init.timeout ?? 0
    const limit = timeout > 0 ? AbortSignal.timeout(timeout) : undefined
    const signals = [limit, options.signal].filter((signal) => signal !== undefined)
    const signal = signals.length > 0 ? AbortSignal.any(signals) : undefined
    try {
      const init = this.#exchange(method, path, signal ? { signal } : {})
      const answer = await this.#firstAnswer(body === undefined ? init : { ...init, ...jsonBody(body) })
      return await answerOf<Result>(answer, expected)
    } catch (error) {
      if (limit?.aborted && !options.signal?.aborted) {
        throw new ApiError(0, `no answer within ${timeout} ms`, { cause: error })
      }
      throw error
    }
  }

  async *#stream<Row>(
    method: Exchange['method'],
    path: string,
    keys: readonly string[],
    options: RequestOptions,
  ): AsyncGenerator<Row> {
    yield* objectsOf<Row>(await this.#firstAnswer(this.#exchange(method, path, options)), keys)
  }

  #exchange(method: Exchange['method'], path: string, { signal }: RequestOptions): Exchange {
    return {
      method,
      path,
      answerTimeout: this.#init.timeout ?? 0,
      verifyCertificate: this.#init.verifyCertificate ?? true,
      ...(signal === undefined ? {} : { signal }),
    }
  }

  async #firstAnswer(init: Exchange): Promise<Answer> {
    let failure: unknown = new ApiError(0, 'no address of an API was given')
    for (const address of this.addresses) {
      try {
        return await this.#send(address, init)
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 0) throw error
        failure = error
      }
    }
    throw failure
  }

  async #firstThatAnswers(options: RequestOptions): Promise<ApiAddress> {
    let failure: unknown
    for (const address of this.addresses) {
      try {
        const answer = await this.#send(address, this.#exchange('GET', '/version', options))
        answer.discard()
        return address
      } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 0) throw error
        failure = error
      }
    }
    throw failure
  }

  async #send(address: ApiAddress, init: Exchange): Promise<Answer> {
    const credentials = this.#init.credentials ?? address.credentials
    const authorization = credentials && {
      Authorization: `Basic ${Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')}`,
    }
    let request: Exchange = { ...init, headers: { ...init.headers, ...authorization } }
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const answer = await exchange(address, request)
      if (answer.status >= 200 && answer.status < 300) return answer
      if (answer.status < 200 || answer.status >= 400) throw await refusalOf(answer)
      answer.discard()
      request = redirected(address, request, answer)
    }
    throw new StrangeAnswerError(address.text, `it redirected ${maxRedirects} times in a row`)
  }
}

/** Can be read again, for the next address. */
function jsonBody(value: object): Pick<Exchange, 'headers' | 'body'> {
  const bytes = Buffer.from(JSON.stringify(value))
  return {
    headers: { 'Content-Type': 'application/json', 'Content-Length': String(bytes.length) },
    body: {
      async *[Symbol.asyncIterator]() {
        yield bytes
      },
    },
  }
}

/** As the original: a CID is pinned as the path that it is. */
function apiPath(path: string): string {
  return pinPath(path)
    .map((name) => `/${encodeURIComponent(name)}`)
    .join('')
}

function localQuery({ local }: { local?: boolean }): URLSearchParams {
  return new URLSearchParams({ local: String(local ?? false) })
}
