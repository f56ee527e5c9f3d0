/**
 * The build: compiles `cli/main.ts` and the Workers into one executable.
 *
 *   bun cli/build.ts                        dist/cluster, for this machine
 *   bun cli/build.ts --target linux-arm64   dist/cluster-linux-arm64
 *   bun cli/build.ts --target all           every target, one file each
 *
 * Bun fetches the runtime of another target from the npm registry (package `@oven/bun-<os>-<arch>`) and caches it;
 * `--runtime FILE` takes one from disk instead. Exit codes: 0 built, 1 bad usage or failed build.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import type { BunPlugin } from 'bun'

const TOP = resolve(import.meta.dir, '..')
const TARGETS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'] as const
type Target = (typeof TARGETS)[number]

/** A Worker is a file of this name, started by `new Worker(new URL('./x-worker.ts', import.meta.url))`. */
const WORKER_FILES = new Bun.Glob('core/**/*-worker.ts')
const WORKER_URL = /new URL\(\s*'(\.[^']*-worker\.ts)',\s*import\.meta\.url\s*,?\s*\)/g

interface Job {
  /** Undefined: this machine. */
  readonly target: Target | undefined
  readonly outfile: string
  readonly runtime: string | undefined
}

async function main(argv: string[]): Promise<number> {
  const jobs = readJobs(argv)
  if (typeof jobs === 'string') {
    console.error(`build: ${jobs}`)
    return 1
  }
  const commit = readCommit()
  let failed = 0
  for (const job of jobs) failed += (await build(job, commit)) ? 0 : 1
  return failed === 0 ? 0 : 1
}

/** The jobs that the arguments ask for, or what is wrong with them. */
function readJobs(argv: string[]): Job[] | string {
  const targets: Target[] = []
  let outfile: string | undefined
  let runtime: string | undefined
  for (let i = 0; i < argv.length; i += 2) {
    const [flag, value] = [argv[i], argv[i + 1]]
    if (value === undefined) return `${flag} takes a value`
    if (flag === '--outfile') outfile = resolve(value)
    else if (flag === '--runtime') runtime = resolve(value)
    else if (flag !== '--target') return `unknown flag ${flag}; it knows --target, --outfile, --runtime`
    else if (value === 'all') targets.push(...TARGETS)
    else {
      const target = TARGETS.find((name) => name === value)
      if (target === undefined) return `unknown target ${value}; allowed: ${TARGETS.join(', ')}, all`
      targets.push(target)
    }
  }
  if (targets.length > 1 && (outfile ?? runtime) !== undefined)
    return 'one target only with --outfile or --runtime'
  if (targets.length === 0)
    return [{ target: undefined, outfile: outfile ?? resolve(TOP, 'dist/cluster'), runtime }]
  return targets.map((target) => ({
    target,
    outfile: outfile ?? resolve(TOP, `dist/cluster-${target}`),
    runtime,
  }))
}

async function build(job: Job, commit: string): Promise<boolean> {
  const name = job.target ?? 'this machine'
  const started = performance.now()
  mkdirSync(dirname(job.outfile), { recursive: true })
  // A running executable cannot be written over, but its name can be given to a new file.
  rmSync(job.outfile, { force: true })
  try {
    await Bun.build({
      root: TOP,
      entrypoints: [
        resolve(TOP, 'cli/main.ts'),
        ...[...WORKER_FILES.scanSync(TOP)].map((file) => resolve(TOP, file)),
      ],
      target: 'bun',
      format: 'esm',
      bytecode: true,
      // With splitting, a lazily imported module is not even parsed before it is needed.
      splitting: true,
      // Identifiers stay: error classes and stack traces keep their names.
      minify: { whitespace: true, syntax: true, identifiers: false },
      define: { CLUSTER_COMMIT: JSON.stringify(commit) },
      plugins: [workers],
      compile: {
        outfile: job.outfile,
        // The executable obeys its own configuration only, whatever folder it is started in.
        autoloadDotenv: false,
        autoloadBunfig: false,
        ...(job.target === undefined ? {} : { target: `bun-${job.target}` }),
        ...(job.runtime === undefined ? {} : { executablePath: job.runtime }),
      },
    })
  } catch (error) {
    const causes = error instanceof AggregateError ? error.errors : [error]
    console.error(`build: no executable for ${name}:\n${causes.map((cause) => `  ${cause}`).join('\n')}`)
    if (job.target !== undefined && job.runtime === undefined)
      console.error(`build: ${runtimeHint(job.target)}`)
    return false
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const megabytes = (Bun.file(job.outfile).size / 1e6).toFixed(0)
  console.log(
    `built ${relative(process.cwd(), job.outfile)} for ${name}: ${megabytes} MB in ${seconds} s (${commit})`,
  )
  return true
}

function runtimeHint(target: Target): string {
  const npmName = `@oven/bun-${target.replace('arm64', 'aarch64')}`
  return `if the runtime could not be fetched: get the npm package ${npmName}@${Bun.version} and give its bin/bun with --runtime`
}

function readCommit(): string {
  const git = (...args: string[]) => Bun.spawnSync(['git', ...args], { cwd: TOP, stderr: 'ignore' })
  const head = git('rev-parse', '--short=12', 'HEAD')
  if (!head.success) return 'unknown'
  const dirty = git('status', '--porcelain').stdout.length > 0
  return head.stdout.toString().trim() + (dirty ? '-dirty' : '')
}

/** Points Workers at their place inside the executable: bundling moves the module whose URL they are relative to. */
const workers: BunPlugin = {
  name: 'workers',
  setup(build) {
    build.onLoad({ filter: /[/\\](core|cli|commands)[/\\].*\.ts$/ }, async ({ path }) => {
      const source = await Bun.file(path).text()
      const contents = source.replaceAll(WORKER_URL, (_, url: string) => {
        const file = relative(TOP, resolve(dirname(path), url)).replace(/\.ts$/, '.js')
        return JSON.stringify(`/$bunfs/root/${file}`)
      })
      return { contents, loader: 'ts' }
    })
  },
}

process.exitCode = await main(process.argv.slice(2))
