/** A REST API on loopback before a peer in memory, and a client that sees all of an answer: header lines and trailers. */
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingMessage, type RequestOptions, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PeerService } from '../../../core/api/peer-service.ts'
import { createRestApi, type RestApi, type RestApiConfig } from '../../../core/api/rest/rest-api.ts'
import type { Scheduler } from '../../../core/runtime/ports.ts'
import { systemScheduler } from '../../../core/runtime/system.ts'
import { createMemoryService, type MemoryService } from './memory-service.ts'
import { type KeptLine, keepingRuntime } from './silent-runtime.ts'

export const defaultConfig: RestApiConfig = {
  httpListenMultiaddress: ['/ip4/127.0.0.1/tcp/0'],
  sslCertFile: '',
  sslKeyFile: '',
  readTimeout: 0,
  readHeaderTimeout: 5_000,
  writeTimeout: 0,
  idleTimeout: 120_000,
  maxHeaderBytes: 4096,
  basicAuthCredentials: null,
  httpLogFile: '',
  headers: {},
  corsAllowedOrigins: ['*'],
  corsAllowedMethods: ['GET'],
  corsAllowedHeaders: [],
  corsExposedHeaders: ['Content-Type', 'X-Stream-Output', 'X-Chunked-Output', 'X-Content-Length'],
  corsAllowCredentials: true,
  corsMaxAge: 0,
}

export interface Answer {
  status: number
  headers: IncomingMessage['headers']
  /** Values of each header line, in order. */
  lines(name: string): string[]
  body: string
  trailers: [string, string][]
}

export interface AskOptions {
  method?: string
  headers?: RequestOptions['headers']
  body?: string | Uint8Array
}

export class RestRig implements AsyncDisposable {
  readonly api: RestApi
  readonly service: MemoryService
  readonly folder: string
  readonly log: KeptLine[]

  private constructor(api: RestApi, service: MemoryService, folder: string, log: KeptLine[]) {
    this.api = api
    this.service = service
    this.folder = folder
    this.log = log
  }

  static async start(
    config: Partial<RestApiConfig> = {},
    overrides: Partial<PeerService> = {},
    scheduler: Scheduler = systemScheduler,
  ): Promise<RestRig> {
    const folder = await mkdtemp(join(tmpdir(), 'rest-api-'))
    const log: KeptLine[] = []
    const service = createMemoryService(overrides)
    try {
      const runtime = { ...keepingRuntime(log), scheduler }
      const api = await createRestApi({ service, config: { ...defaultConfig, ...config }, folder, runtime })
      return new RestRig(api, service, folder, log)
    } catch (error) {
      await rm(folder, { recursive: true })
      throw error
    }
  }

  get port(): number {
    return Number(this.api.addresses[0]!.split('/').at(-1))
  }

  /** One request on a connection of its own. */
  async ask(path: string, { method = 'GET', headers = {}, body }: AskOptions = {}): Promise<Answer> {
    const options = { host: '127.0.0.1', port: this.port, path, method, headers, agent: false }
    const sent = request(options)
    sent.end(body)
    const [incoming] = (await once(sent, 'response')) as [IncomingMessage]
    return readAnswer(incoming)
  }

  /** What comes back for bytes that no HTTP client would send, until the server closes. */
  async askRaw(text: string): Promise<string> {
    const socket = connect(this.port, '127.0.0.1')
    let answer = ''
    socket.on('data', (data) => {
      answer += data
    })
    socket.write(text)
    await once(socket, 'close')
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]()
    await rm(this.folder, { recursive: true, force: true })
  }
}

export async function readAnswer(incoming: IncomingMessage): Promise<Answer> {
  let body = ''
  for await (const data of incoming) body += data
  const pairs = (raw: string[]) =>
    raw.flatMap((name, at): [string, string][] => (at % 2 === 0 ? [[name, raw[at + 1]!]] : []))
  return {
    status: incoming.statusCode!,
    headers: incoming.headers,
    lines: (name) =>
      pairs(incoming.rawHeaders).flatMap(([key, value]) => (key.toLowerCase() === name ? [value] : [])),
    body,
    trailers: pairs(incoming.rawTrailers),
  }
}

export interface FormPart {
  /** Escaped as Kubo's clients do. */
  name: string
  content?: string | Uint8Array
  type?: string
}

const boundary = 'a-boundary-of-the-tests'
export const formType = `multipart/form-data; boundary=${boundary}`

export function form(parts: FormPart[]): Buffer {
  const pieces = parts.flatMap(({ name, content = '', type = 'application/octet-stream' }) => [
    `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${encodeURIComponent(name)}"\r\n`,
    `Content-Type: ${type}\r\n\r\n`,
    content,
    '\r\n',
  ])
  return Buffer.concat([...pieces, `--${boundary}--\r\n`].map((piece) => Buffer.from(piece)))
}
