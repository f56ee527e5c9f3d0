/**
 * `bun test/sim/mutations/find-seeds.ts [NAME…]`: looks for a seed in which each mutation, or each of these, is found by its
 * check, and writes `seeds.json`. Exits with 1 when one is not found.
 */
import { join } from 'node:path'
import { mutations } from './mutations.ts'
import { findMutation } from './run.ts'

const file = join(import.meta.dir, 'seeds.json')
const seeds: Record<string, number> = await Bun.file(file).json()
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(mutations)
for (const name of names) {
  const seed = await findMutation(name, seeds[name])
  console.log(`${name}: ${seed === undefined ? 'not found' : `seed ${seed}`}`)
  if (seed === undefined) process.exitCode = 1
  else seeds[name] = seed
  const known = Object.keys(mutations).flatMap((each) =>
    seeds[each] === undefined ? [] : [[each, seeds[each]]],
  )
  await Bun.write(file, `${JSON.stringify(Object.fromEntries(known), null, 2)}\n`)
}
