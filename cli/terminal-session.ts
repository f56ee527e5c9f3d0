/** The session of a command that runs in a terminal, or in a script. */
import type { ConsolaInstance } from 'consola/core'
import { DeclinedError, NoTerminalError, UsageError } from '../commands/errors.ts'
import type { Progress, Session } from '../commands/session.ts'
import type { ClusterClient } from '../core/client/cluster-client.ts'
import { harmlessCopy, harmlessText } from '../core/runtime/harmless-text.ts'
import { type LogFormat, type LogLevels, parseLogLevels } from '../core/runtime/log.ts'
import type { GlobalValues } from './argv.ts'
import type { Interruption } from './interruption.ts'
import { type Output, printedJson } from './output.ts'
import { apiOf, folderOf } from './peer-choice.ts'
import { TerminalProgress } from './progress.ts'
import { createTalk } from './talk.ts'

export interface TerminalSessionInit {
  globals: GlobalValues
  environment: Record<string, string | undefined>
  output: Output
  interruption: Interruption
  terminal: Terminal
}

/** The parts of the process that a session uses; each is looked at only when it is needed, as it takes time to set up. */
export interface Terminal {
  readonly stdin: AsyncIterable<Uint8Array> & { isTTY?: boolean }
  readonly stderr: {
    write(text: string): unknown
    on?(event: 'error', listener: (error: Error) => void): unknown
    isTTY?: boolean
    columns?: number
  }
}

export class TerminalSession implements Session {
  readonly encoding: 'text' | 'json'
  readonly environment: Record<string, string | undefined>
  readonly folder: string
  readonly signal: AbortSignal
  readonly log: { levels: LogLevels; format: LogFormat }
  readonly force: boolean
  readonly hostIsGiven: boolean
  readonly #init: TerminalSessionInit
  #client: Promise<ClusterClient> | undefined
  #progress: TerminalProgress | undefined
  #talk: ConsolaInstance | undefined
  #hearsStderr = false

  constructor(init: TerminalSessionInit) {
    const { globals, environment } = init
    this.#init = init
    this.encoding = globals.json ? 'json' : globals.encoding
    this.environment = environment
    this.folder = folderOf(globals.config, environment)
    this.signal = init.interruption.signal
    this.log = {
      levels: parseLogLevels(
        globals.debug ? 'debug' : (globals.loglevel ?? environment.IPFS_CLUSTER_LOG_LEVEL ?? ''),
      ),
      format: globals.logFormat,
    }
    this.force = globals.force
    this.hostIsGiven = globals.host !== undefined
  }

  get stdin(): AsyncIterable<Uint8Array> {
    return this.#init.terminal.stdin
  }

  client(): Promise<ClusterClient> {
    this.#client ??= this.#connect()
    return this.#client
  }

  takeSignals(onSignal: (count: number) => boolean): void {
    this.#init.interruption.handOver(onSignal)
  }

  takeStrayErrors(onError: (error: unknown) => void): void {
    process.on('uncaughtException', onError)
    process.on('unhandledRejection', onError)
  }

  write(text: string): Promise<void> {
    this.#progress?.pause()
    return this.#init.output.write(text)
  }

  print<Data>(object: Data, text: (shown: Data) => string): Promise<void> {
    return this.write(this.encoding === 'json' ? `${printedJson(object)}\n` : text(harmlessCopy(object)))
  }

  say(message: string): void {
    this.#progress?.pause()
    this.#talking().log(harmlessText(message))
  }

  warn(message: string): void {
    this.#progress?.pause()
    this.#talking().warn(harmlessText(message))
  }

  progress(title: string): Progress {
    this.#progress?.[Symbol.dispose]()
    this.#progress = new TerminalProgress(harmlessText(title), this.#stderr())
    return this.#progress
  }

  async confirm(question: string, flag: string): Promise<void> {
    const { confirm, isCancel } = await this.#prompts(question, flag)
    const answer = await confirm({ message: question, initialValue: false, output: process.stderr })
    if (isCancel(answer) || !answer) throw new DeclinedError()
  }

  async askSecret(question: string, flag: string): Promise<string> {
    const { password, isCancel } = await this.#prompts(question, flag)
    const answer = await password({ message: question, output: process.stderr })
    if (isCancel(answer)) throw new DeclinedError()
    return answer
  }

  #talking(): ConsolaInstance {
    this.#talk ??= createTalk(this.#stderr(), this.environment)
    return this.#talk
  }

  /** stderr, whose failures do not end a command: what it is there to do matters more than talk about it. */
  #stderr(): Terminal['stderr'] {
    const { stderr } = this.#init.terminal
    if (!this.#hearsStderr) stderr.on?.('error', () => undefined)
    this.#hearsStderr = true
    return stderr
  }

  /** Prompts are loaded only where somebody can answer. */
  async #prompts(question: string, flag: string) {
    const { stdin, stderr } = this.#init.terminal
    if (!stdin.isTTY || !stderr.isTTY) throw new NoTerminalError(question, flag)
    return await import('@clack/prompts')
  }

  async #connect(): Promise<ClusterClient> {
    const { globals, environment } = this.#init
    const [{ ClusterClient }, api] = await Promise.all([
      import('../core/client/cluster-client.ts'),
      apiOf(globals.host, this.folder, environment),
    ])
    const credentials = credentialsOf(globals.basicAuth ?? environment.CLUSTER_CREDENTIALS)
    const tls = globals.https || api.tls || (credentials !== undefined && !globals.forceHttp)
    if (globals.timeout < 0) throw new UsageError('flag --timeout must not be below 0')
    return new ClusterClient({
      addresses: api.addresses,
      tls,
      verifyCertificate: !globals.noCheckCertificate,
      timeout: globals.timeout * 1000,
      ...(credentials === undefined ? {} : { credentials }),
    })
  }
}

/** `user[:password]`; undefined for nothing. */
function credentialsOf(text: string | undefined): { user: string; password: string } | undefined {
  if (!text) return undefined
  const [user, ...password] = text.split(':')
  return { user: user!, password: password.join(':') }
}
