/** Child processes of tests: a log in a file, readiness by asking, an end by process ID, free loopback ports. */
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** ms that a program may take to stop before it is killed. */
const stopTimeout = 15_000
/** ms that a program may take until it is ready. */
const startTimeout = 180_000
/** ms between two questions whether a program is ready. */
const askInterval = 50

export function temporaryFolder(tag: string): string {
  return mkdtempSync(join(tmpdir(), `cluster-${tag}-`))
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}

/**
 * TCP ports of 127.0.0.1 that nobody listens on now, and that no other call gives soon. They are below those that systems
 * take for outgoing connections: a peer that is killed finds its port free when it starts again.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    nextPort = nextPort === lastPort ? firstPort : nextPort + 1
    if (await isFree(nextPort)) ports.push(nextPort)
  }
  return ports
}

const [firstPort, lastPort] = [10_000, 32_000]
let nextPort = firstPort + Math.floor(Math.random() * (lastPort - firstPort))

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const isListening = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => resolve(true))
  })
  if (isListening) await new Promise((resolve) => server.close(resolve))
  return isListening
}

/** Runs a program to its end and gives its output. Rejects with its last words when it fails. */
export async function run(command: string[], env: Record<string, string>): Promise<string> {
  const process_ = Bun.spawn(command, {
    env: { ...process.env, ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [output, errors] = await Promise.all([
    new Response(process_.stdout).text(),
    new Response(process_.stderr).text(),
  ])
  const code = await process_.exited
  if (code !== 0) throw new Error(`${command.slice(0, 4).join(' ')} ended with ${code}: ${errors}${output}`)
  return output
}

/** A program that runs until it is stopped. */
export class Daemon {
  readonly #command: string[]
  readonly #env: Record<string, string>
  readonly #log: string
  #process: Bun.Subprocess | undefined

  constructor(command: string[], env: Record<string, string>, log: string) {
    this.#command = command
    this.#env = env
    this.#log = log
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /** Whether it was started and has ended without being asked to. */
  get hasEnded(): boolean {
    const child = this.#process
    return child !== undefined && (child.exitCode !== null || child.signalCode !== null)
  }

  /**
   * Starts, with `args` after the command, and waits until `isReady`. Rejects with the end of the log when it ends first, or
   * takes longer than `startTimeout`.
   */
  async start(isReady: () => Promise<boolean>, args: string[] = []): Promise<void> {
    const log = openSync(this.#log, 'a')
    const child = Bun.spawn([...this.#command, ...args], {
      env: { ...process.env, ...this.#env },
      stdin: 'ignore',
      stdout: log,
      stderr: log,
    })
    closeSync(log)
    this.#process = child
    const end = performance.now() + startTimeout
    while (!(await isReady().catch(() => false))) {
      if (this.hasEnded) throw new Error(`${this.#command.join(' ')} ended early:\n${this.logTail()}`)
      if (performance.now() > end) {
        throw new Error(`${this.#command.join(' ')}: not ready within ${startTimeout} ms:\n${this.logTail()}`)
      }
      await Bun.sleep(askInterval)
    }
  }

  /** All that it has written, of every start. */
  log(): string {
    return existsSync(this.#log) ? readFileSync(this.#log, 'utf8') : ''
  }

  /** The last lines of the log, for messages of failed tests. */
  logTail(): string {
    return this.log().split('\n').slice(-40).join('\n')
  }

  signal(name: NodeJS.Signals): void {
    this.#process?.kill(name)
  }

  /** Ends at once, as by a loss of power. */
  async kill(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    child?.kill('SIGKILL')
    await child?.exited
  }

  async stop(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined) return
    child.kill('SIGTERM')
    // A stopped program (SIGSTOP) takes its SIGTERM only when it goes on.
    child.kill('SIGCONT')
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeout)
    await child.exited
    clearTimeout(timer)
  }
}
