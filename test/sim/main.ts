/**
 * Runs the simulator: `bun run sim [--seed N] [--seeds N] [--minutes N] [--profile usual|many] [--threads N]`. One seed is
 * told in full, many when they fail, made as small as possible. `--mutation NAME` puts a deliberate defect in first. Exits
 * with 1 when any fails.
 */
import { parseArgs } from 'node:util'
import { mutate } from './mutations/mutate.ts'
import type { Profile } from './plan.ts'
import type { Report } from './report.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    profile: { type: 'string', default: 'usual' },
    threads: { type: 'string', default: '2' },
    mutation: { type: 'string' },
  },
})

const profile = profileOf(values.profile)
const first = wholeNumber('--seed', values.seed ?? '1')
if (values.mutation !== undefined) mutate(values.mutation)
// Only now: what is loaded before a mutation is put in would not have it.
const { list, summary, total, failureText } = await import('./report.ts')
const { simulateAndShrink } = await import('./shrink.ts')
const { planOf } = await import('./plan.ts')

console.log(`commit ${commit()}`)
if (values.seeds === undefined && values.minutes === undefined && values.seed !== undefined) runOne()
else if (values.mutation === undefined) await runMany()
else throw new RangeError('--mutation needs a single --seed')

function runOne(): void {
  const report = simulateAndShrink(planOf(first, profile))
  const isWell = report.complaints.length === 0
  console.log(isWell ? [...report.tail, summary(report)].join('\n') : failureText(report))
  process.exitCode = isWell ? 0 : 1
}

async function runMany(): Promise<void> {
  const { runSeeds, seedsFrom } = await import('./many-seeds.ts')
  const minutes = values.minutes === undefined ? undefined : wholeNumber('--minutes', values.minutes)
  const end = minutes === undefined ? undefined : Date.now() + minutes * 60_000
  const count = wholeNumber('--seeds', values.seeds ?? (minutes === undefined ? '200' : '1000000'))
  const nextOf = seedsFrom(first, count)
  const reports: Pick<Report, 'seed' | 'counts' | 'faults' | 'complaints'>[] = []
  await runSeeds({
    next: () => (end !== undefined && Date.now() > end ? undefined : nextOf()),
    profile,
    threads: wholeNumber('--threads', values.threads),
    onReport: ({ seed, counts, faults, complaints }) => {
      reports.push({ seed, counts, faults, complaints })
      if (complaints.length > 0) console.log(`seed ${seed} fails: ${complaints[0]?.check}`)
      if (reports.length % 100 === 0) console.log(`${reports.length} seeds are done`)
    },
  })
  const failed = reports.filter(({ complaints }) => complaints.length > 0).map(({ seed }) => seed)
  for (const seed of failed.slice(0, 3)) console.log(failureText(simulateAndShrink(planOf(seed, profile))))
  console.log(
    [
      `${reports.length} seeds from ${first}: ${failed.length} failed${failed.length > 0 ? ` (${failed})` : ''}`,
      `load: ${list(total(reports.map(({ counts }) => counts)))}`,
      `faults: ${list(total(reports.map(({ faults }) => faults)))}`,
    ].join('\n'),
  )
  process.exitCode = failed.length === 0 ? 0 : 1
}

/** What was run, so that a seed can be run again on the same. */
function commit(): string {
  const git = (...args: string[]) =>
    Bun.spawnSync(['git', ...args], { cwd: import.meta.dir })
      .stdout.toString()
      .trim()
  const changed = git('status', '--porcelain', '--untracked-files=no', '../..') === '' ? '' : ' with changes'
  return `${git('rev-parse', '--short', 'HEAD') || 'unknown'}${changed}`
}

function profileOf(text: string): Profile {
  if (text === 'usual' || text === 'many') return text
  throw new RangeError(`--profile ${text}: usual or many is expected`)
}

function wholeNumber(flag: string, text: string): number {
  const number = Number(text)
  if (text === '' || !Number.isSafeInteger(number) || number < 0) {
    throw new RangeError(`${flag} ${text}: a whole number is expected`)
  }
  return number
}
