/** A peer that runs as `dist/cluster daemon`, in a folder of its own, on loopback ports that were free. */
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Another one, such as that of another commit, is tested by giving its path. */
export const EXECUTABLE = process.env.CLUSTER_EXECUTABLE ?? join(import.meta.dir, '../../dist/cluster')

/** For the name of a test group that is skipped without the executable. */
export const hasExecutable = existsSync(EXECUTABLE)
export const whyMissing = hasExecutable ? '' : ' (skipped: no dist/cluster, `bun cli/build.ts` makes it)'

/** For everything that runs in `home`: nothing of it is found, or finds anybody, beyond loopback. */
export function hermeticEnvironment(home: string): Record<string, string> {
  return {
    HOME: home,
    PATH: `${join(EXECUTABLE, '..')}:${process.env.PATH}`,
    CLUSTER_LISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
    CLUSTER_MDNSINTERVAL: '0s',
    CLUSTER_EMBEDDED_NETWORK: 'cluster',
    CLUSTER_EMBEDDED_SWARMLISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
    CLUSTER_EMBEDDED_BOOTSTRAP: '',
    CLUSTER_EMBEDDED_DELEGATEDROUTERS: '',
    CLUSTER_EMBEDDED_TRUSTLESSGATEWAYS: '',
  }
}

export interface Finished {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

export class PeerProcess implements AsyncDisposable {
  /** The home folder of all that runs here; the peer's own is `.ipfs-cluster` in it. */
  readonly home: string
  readonly #environment: Record<string, string>
  #daemon: Bun.Subprocess<'ignore', 'inherit', 'pipe'> | undefined
  #log = ''

  private constructor(home: string, environment: Record<string, string>) {
    this.home = home
    this.#environment = { ...hermeticEnvironment(home), ...environment }
  }

  /** A folder with the files of a new peer that has the embedded IPFS node; it does not run yet. */
  static async make(environment: Record<string, string> = {}): Promise<PeerProcess> {
    const peer = new PeerProcess(await mkdtemp(join(tmpdir(), 'cluster executable ')), environment)
    const { exitCode, stderr } = await peer.run([EXECUTABLE, 'init', '--ipfs', 'embedded', '--randomports'])
    if (exitCode !== 0) throw new Error(`init failed: ${stderr}`)
    return peer
  }

  /** Runs a command to its end in `folder`, by default an empty one, without a terminal. */
  async run(
    command: string[],
    options: { folder?: string; environment?: Record<string, string> } = {},
  ): Promise<Finished> {
    const folder = options.folder ?? join(this.home, 'elsewhere')
    await mkdir(folder, { recursive: true })
    const child = Bun.spawn(command, {
      cwd: folder,
      env: { ...this.#environment, ...options.environment },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [stdout, stderr, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ])
    return { exitCode, stdout, stderr }
  }

  /** What `cluster` prints with these arguments. Rejects when it fails, or complains. */
  async output(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run([EXECUTABLE, ...args])
    if (exitCode === 0 && stderr === '') return stdout
    throw new Error(`cluster ${args.join(' ')} ended with ${exitCode}: ${stderr}`)
  }

  /** Starts the daemon and waits until it says that it is ready. */
  async start(...flags: string[]): Promise<void> {
    // What an earlier run said does not make this one ready.
    this.#log = ''
    this.#daemon = Bun.spawn([EXECUTABLE, 'daemon', ...flags], {
      cwd: this.home,
      env: this.#environment,
      stdin: 'ignore',
      stdout: 'inherit',
      stderr: 'pipe',
    })
    // What it said before it was stopped does not count.
    this.#log = ''
    const ready = Promise.withResolvers<void>()
    void this.#follow(this.#daemon.stderr, ready)
    await ready.promise
  }

  /** Starts the daemon with its log going to a file, and does not wait. It ends with the block. */
  spawnDaemon(log: string, ...flags: string[]): AsyncDisposable & { pid: number } {
    const child = Bun.spawn(
      ['sh', '-c', 'log=$1; shift; exec "$@" 2>>"$log"', 'sh', log, EXECUTABLE, 'daemon', ...flags],
      { cwd: this.home, env: this.#environment, stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' },
    )
    return {
      pid: child.pid,
      async [Symbol.asyncDispose]() {
        child.kill('SIGKILL')
        await child.exited
      },
    }
  }

  /** Asks the daemon to stop. Gives its exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number> {
    this.#daemon?.kill(signal)
    return (await this.#daemon?.exited) ?? 0
  }

  /** What the daemon has logged since it was started last. */
  get log(): string {
    return this.#log
  }

  /** The URL of the REST API, as its configuration has it. */
  async api(): Promise<string> {
    const { api } = await Bun.file(join(this.home, '.ipfs-cluster/service.json')).json()
    const [, host, port] = /\/ip4\/([^/]+)\/tcp\/(\d+)/.exec(String(api.restapi.http_listen_multiaddress))!
    return `http://${host}:${port}`
  }

  /** The URL of the gateway, as the log tells it. */
  get gateway(): string {
    const url = this.#log.match(/IPFS gateway: (\S+)/)?.[1]
    if (url === undefined) throw new Error(`no gateway in the log:\n${this.#log}`)
    return url
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('SIGKILL')
    await rm(this.home, { recursive: true, force: true })
  }

  async #follow(stderr: ReadableStream<Uint8Array>, ready: PromiseWithResolvers<void>): Promise<void> {
    const decoder = new TextDecoder()
    for await (const bytes of stderr) {
      this.#log += decoder.decode(bytes, { stream: true })
      if (this.#log.includes('READY')) ready.resolve()
    }
    ready.reject(new Error(`the daemon ended before it was ready:\n${this.#log}`))
  }
}

/** Two peers of one cluster, called first and second, that run. */
export async function startTwo(environment: Record<string, string>) {
  await using stack = new AsyncDisposableStack()
  const first = stack.use(await PeerProcess.make({ ...environment, CLUSTER_PEERNAME: 'first' }))
  const second = stack.use(await PeerProcess.make({ ...environment, CLUSTER_PEERNAME: 'second' }))
  await first.start()
  const { addresses } = JSON.parse(await first.output('id', '--json'))
  await second.start('--bootstrap', addresses[0])
  const started = stack.move()
  return { first, second, [Symbol.asyncDispose]: () => started.disposeAsync() }
}
