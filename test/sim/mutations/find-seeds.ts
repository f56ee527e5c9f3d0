/**
 * `bun test/sim/mutations/find-seeds.ts [NAME…]`: looks for a seed in which each mutation, or each of these, is found by its
 * check, and writes `seeds.json`. Exits with 1 when one is not found.
 */
import { join } from 'node:path'
import { planOf } from '../plan.ts'
import { mutations } from './mutations.ts'
import { runMutation } from './run.ts'

/** Seeds that are tried for each, those of few peers first: they are done sooner. */
const tried = Array.from({ length: 50 }, (_, i) => i + 1).sort((a, b) => planOf(a).peers - planOf(b).peers)

const file = join(import.meta.dir, 'seeds.json')
const seeds: Record<string, number> = await Bun.file(file).json()
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(mutations)
for (const name of names) {
  const seed = await find(name)
  console.log(`${name}: ${seed === undefined ? 'not found' : `seed ${seed}`}`)
  if (seed === undefined) process.exitCode = 1
  else seeds[name] = seed
  const known = Object.keys(mutations).flatMap((each) =>
    seeds[each] === undefined ? [] : [[each, seeds[each]]],
  )
  await Bun.write(file, `${JSON.stringify(Object.fromEntries(known), null, 2)}\n`)
}

async function find(name: string): Promise<number | undefined> {
  for (let seeds = tried; seeds.length > 0; ) {
    const found = await runMutation(name, seeds)
    if (found === undefined) return undefined
    if (found.checks.includes(mutations[name]?.foundBy ?? '')) return found.seed
    console.log(`${name}: seed ${found.seed} fails ${found.checks}`)
    seeds = seeds.slice(seeds.indexOf(found.seed) + 1)
  }
  return undefined
}
