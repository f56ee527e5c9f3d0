/** `bun test/sim/mutations/run.ts NAME SEED…`: the first of these seeds in which a mutation is found, as JSON. */
import { planOf } from '../plan.ts'
import { mutate } from './mutate.ts'
import { mutations } from './mutations.ts'

export interface Found {
  seed: number
  /** The checks that failed. */
  checks: string[]
}

if (import.meta.main) {
  const [name = '', ...seeds] = process.argv.slice(2)
  mutate(name)
  const { simulate } = await import('../simulation.ts')
  for (const seed of seeds.map(Number)) {
    const { complaints } = simulate(planOf(seed))
    if (complaints.length === 0) continue
    const found: Found = { seed, checks: [...new Set(complaints.map(({ check }) => check))] }
    console.log(JSON.stringify(found))
    break
  }
}

/** Runs a mutation in a process of its own. Undefined when no seed finds it. Throws when the process fails. */
export async function runMutation(name: string, seeds: readonly number[]): Promise<Found | undefined> {
  const run = Bun.spawn([process.execPath, import.meta.path, name, ...seeds.map(String)], {
    stderr: 'pipe',
  })
  const [text, errors] = await Promise.all([
    new Response(run.stdout).text(),
    new Response(run.stderr).text(),
    run.exited,
  ])
  if (run.exitCode !== 0) throw new Error(`the run of "${name}" failed: ${errors}`)
  return text.trim() === '' ? undefined : (JSON.parse(text) as Found)
}

/** Seeds that are tried, those of few peers first: they are done sooner. */
const tried = Array.from({ length: 50 }, (_, i) => i + 1).sort((a, b) => planOf(a).peers - planOf(b).peers)

/**
 * A seed in which the check that is named for it finds a mutation; `first` is tried before all others, of which no more than
 * `most` are.
 */
export async function findMutation(
  name: string,
  first?: number,
  most = tried.length,
): Promise<number | undefined> {
  const seeds = [...new Set([...(first === undefined ? [] : [first]), ...tried.slice(0, most)])]
  for (let at = 0; at < seeds.length; ) {
    const found = await runMutation(name, seeds.slice(at))
    if (found === undefined) return undefined
    if (found.checks.includes(mutations[name]?.foundBy ?? '')) return found.seed
    at = seeds.indexOf(found.seed) + 1
  }
  return undefined
}
