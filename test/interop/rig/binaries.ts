/**
 * The Go programs that tests talk to, at the versions of `test/interop/go.mod`. They are looked for in
 * `CLUSTER_INTEROP_BIN`, then in the user's cache, and built there by `go build` where Go is installed (a few minutes, once
 * for each `go.sum`).
 */
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const packages = {
  ipfs: 'github.com/ipfs/kubo/cmd/ipfs',
  'ipfs-cluster-service': 'github.com/ipfs-cluster/ipfs-cluster/cmd/ipfs-cluster-service',
  'ipfs-cluster-ctl': 'github.com/ipfs-cluster/ipfs-cluster/cmd/ipfs-cluster-ctl',
}

export type GoBinary = keyof typeof packages

/** Paths of all programs, or why there are none: words that fit behind "skipped:". */
export type GoBinaries =
  | { path: Record<GoBinary, string>; missing?: never }
  | { path?: never; missing: string }

const moduleFolder = join(import.meta.dir, '..')

/** Finds the programs, or builds them. `report` gets a line for each step of a build. */
export async function goBinaries(report: (line: string) => void = () => undefined): Promise<GoBinaries> {
  const given = process.env.CLUSTER_INTEROP_BIN
  if (given)
    return inFolder(given) ?? { missing: `CLUSTER_INTEROP_BIN=${given} lacks some of ${names.join(', ')}` }
  const folder = cacheFolder()
  return inFolder(folder) ?? (await build(folder, report))
}

const names = Object.keys(packages) as GoBinary[]

function inFolder(folder: string): GoBinaries | undefined {
  const path = Object.fromEntries(names.map((name) => [name, join(folder, name)])) as Record<GoBinary, string>
  return names.every((name) => existsSync(path[name])) ? { path } : undefined
}

function cacheFolder(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const sum = createHash('sha256')
    .update(readFileSync(join(moduleFolder, 'go.sum')))
    .digest('hex')
  return join(cache, 'cluster-interop', `bin-${sum.slice(0, 12)}`)
}

async function build(folder: string, report: (line: string) => void): Promise<GoBinaries> {
  if (!Bun.which('go')) return { missing: 'Go is not installed' }
  mkdirSync(join(folder, '..'), { recursive: true })
  // Built aside and renamed, so that nobody finds half of it.
  const scratch = mkdtempSync(`${folder}-`)
  try {
    for (const name of names) {
      report(`building ${name} (${packages[name]})`)
      const failure = await goBuild(packages[name], join(scratch, name))
      if (failure !== undefined) return { missing: `go build of ${name} failed: ${failure}` }
    }
    // Another process may have been first; its programs are as good.
    if (!existsSync(folder)) renameSync(scratch, folder)
    return inFolder(folder) ?? { missing: `${folder} is incomplete; remove it and try again` }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Resolves with the last words of the compiler when it fails. */
async function goBuild(name: string, output: string): Promise<string | undefined> {
  const process = Bun.spawn(['go', 'build', '-trimpath', '-o', output, name], {
    cwd: moduleFolder,
    stdin: 'ignore',
    stdout: 'ignore',
    stderr: 'pipe',
  })
  const errors = await new Response(process.stderr).text()
  return (await process.exited) === 0 ? undefined : errors.trim().split('\n').slice(-3).join(' ')
}
