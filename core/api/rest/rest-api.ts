/** The REST API of a peer (`spec/rest-api.md`): its listeners, and its orderly end. */
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { messageOf } from '../../error-text.ts'
import { parseEndpoint } from '../../runtime/endpoint.ts'
import { openAll } from '../../runtime/open-all.ts'
import type { Runtime, Scheduler } from '../../runtime/ports.ts'
import { Authenticator, type Credentials } from '../authentication.ts'
import { BrowserGuard } from '../browser-guard.ts'
import type { PeerService } from '../peer-service.ts'
import { AccessLog } from './access-log.ts'
import { addRoute } from './add-route.ts'
import { Cors, type CorsSettings } from './cors.ts'
import { Dispatcher } from './dispatcher.ts'
import { ListenError } from './errors.ts'
import { healthRoutes } from './health-routes.ts'
import { Listener } from './listener.ts'
import { peerRoutes } from './peer-routes.ts'
import { pinRoutes } from './pin-routes.ts'

/** Milliseconds that requests under way may take when the API closes. */
const closeGrace = 5_000
/** Milliseconds that they may then take to answer that they were cancelled. */
const cancelGrace = 1_000

/** The section `api.restapi` of the configuration; times in milliseconds, 0 = none. */
export interface RestApiConfig extends CorsSettings {
  httpListenMultiaddress: string[]
  sslCertFile: string
  sslKeyFile: string
  readTimeout: number
  readHeaderTimeout: number
  writeTimeout: number
  idleTimeout: number
  maxHeaderBytes: number
  /** Null = everybody may use the API. */
  basicAuthCredentials: Credentials | null
  /** Empty = the access log goes to the logger `restapilog`. */
  httpLogFile: string
  headers: Record<string, string[]>
}

export interface RestApiInit {
  service: PeerService
  config: RestApiConfig
  /** The folder that files of the configuration are relative to. */
  folder: string
  runtime: Runtime
}

export interface RestApi extends AsyncDisposable {
  /** Multiaddrs that are listened at, with the ports that were chosen. */
  readonly addresses: string[]
}

/** Listens and answers. Rejects with `ListenError`, one line that names the key of the configuration. */
export async function createRestApi(init: RestApiInit): Promise<RestApi> {
  const { config, folder, runtime } = init
  const tls = await readTls(config, folder)
  const accessLog = await openAccessLog(init)
  const dispatcher = createDispatcher(init, accessLog)
  const listeners: Listener[] = []
  const settings = { ...config, key: 'api.restapi.http_listen_multiaddress', tls }
  const close = async () => {
    for (const listener of listeners) listener.stop()
    await settle(dispatcher, runtime)
    for (const listener of listeners) await listener[Symbol.asyncDispose]()
    await accessLog[Symbol.asyncDispose]()
  }
  try {
    await openAll({
      addresses: config.httpListenMultiaddress,
      open: async (address) => listeners.push(await Listener.open(address, settings, dispatcher.handle)),
      skipped: (addresses) =>
        runtime.logger
          .component('restapi')
          .warn('this machine has no IPv6: the API is not listened for there', {
            addresses: addresses.join(', '),
          }),
    })
  } catch (error) {
    await close()
    throw error
  }
  return { addresses: listeners.map(({ address }) => address), [Symbol.asyncDispose]: close }
}

function createDispatcher(
  { service, config, folder, runtime }: RestApiInit,
  accessLog: AccessLog,
): Dispatcher {
  const { basicAuthCredentials, headers, writeTimeout } = config
  const authenticator = basicAuthCredentials
    ? new Authenticator(basicAuthCredentials, runtime.clock)
    : undefined
  return new Dispatcher({
    routes: [
      ...peerRoutes(service, authenticator, runtime.scheduler),
      addRoute(service, folder, runtime),
      ...pinRoutes(service, runtime.clock),
      ...healthRoutes(service),
    ],
    cors: new Cors(config),
    guard: browserGuard(config),
    authenticator,
    accessLog,
    headers,
    writeTimeout,
    runtime,
  })
}

function browserGuard({ corsAllowedOrigins, httpListenMultiaddress, basicAuthCredentials }: RestApiConfig) {
  const listened = httpListenMultiaddress.map(parseEndpoint)
  return new BrowserGuard({
    allowedOrigins: corsAllowedOrigins,
    hostNames: [
      hostname(),
      ...listened.flatMap((endpoint) => (endpoint?.kind === 'tcp' ? endpoint.host : [])),
    ],
    hasCredentials: basicAuthCredentials !== null,
  })
}

/** Waits for the requests under way; cancels them when they take too long, so that they answer what they can. */
async function settle(dispatcher: Dispatcher, { scheduler }: Runtime): Promise<void> {
  await settledWithin(dispatcher, closeGrace, scheduler)
  dispatcher.abort(new Error('the peer is stopping'))
  await settledWithin(dispatcher, cancelGrace, scheduler)
}

async function settledWithin(dispatcher: Dispatcher, ms: number, scheduler: Scheduler): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = scheduler.after(ms, () => late.resolve())
  await Promise.race([dispatcher.settled(), late.promise])
  timer.cancel()
}

async function readTls({ sslCertFile, sslKeyFile }: RestApiConfig, folder: string) {
  if (sslCertFile === '' && sslKeyFile === '') return undefined
  try {
    const [cert, key] = await Promise.all([
      readFile(resolve(folder, sslCertFile)),
      readFile(resolve(folder, sslKeyFile)),
    ])
    return { cert, key }
  } catch (error) {
    throw new ListenError(
      `api.restapi.ssl_cert_file, ssl_key_file: error loading TLS certificate/key: ${messageOf(error)}`,
      { cause: error },
    )
  }
}

async function openAccessLog({ config, folder, runtime }: RestApiInit): Promise<AccessLog> {
  const file = config.httpLogFile === '' ? undefined : resolve(folder, config.httpLogFile)
  try {
    return await AccessLog.open({
      clock: runtime.clock,
      logger: runtime.logger.component('restapilog'),
      file,
    })
  } catch (error) {
    throw new ListenError(`api.restapi.http_log_file: cannot open ${file}: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
