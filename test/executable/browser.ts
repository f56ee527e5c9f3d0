/** A real browser, headless, that finds nobody beyond loopback. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const program = Bun.which('chromium') ?? Bun.which('chromium-browser') ?? Bun.which('google-chrome')

export const hasBrowser = program !== null
/** For the name of a test group that is skipped without one. */
export const whyNoBrowser = hasBrowser ? '' : ' (skipped: no chromium, which `.ci/run` installs)'

/** A public name that leads to this machine, as DNS rebinding makes it. */
export const reboundName = 'rebound.example'

export class Browser implements AsyncDisposable {
  readonly #process: Bun.Subprocess
  readonly #folder: string

  private constructor(process: Bun.Subprocess, folder: string) {
    this.#process = process
    this.#folder = folder
  }

  /** Starts one that shows the page at `url`. */
  static async open(url: string): Promise<Browser> {
    const folder = await mkdtemp(join(tmpdir(), 'browser-'))
    const rules = `MAP ${reboundName} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1`
    const flags = [
      ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run'],
      ...[
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--disable-default-apps',
      ],
      // Without it, a page needs leave to ask this machine anything: older browsers do not ask.
      '--disable-features=LocalNetworkAccessChecks',
      `--user-data-dir=${folder}`,
      `--host-resolver-rules=${rules}`,
    ]
    const process = Bun.spawn([program!, ...flags, url], {
      env: { ...Bun.env, HOME: folder },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    })
    return new Browser(process, folder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill()
    await this.#process.exited
    // Its helpers end a moment after it, and write until then.
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}
