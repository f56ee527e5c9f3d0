/** A test of the tests: each deliberate defect is found by the check that is there for it. */
import { describe, expect, test } from 'bun:test'
import { anytimeChecks, onChangeChecks } from '../anytime.ts'
import { eventuallyChecks } from '../eventually.ts'
import { finallyChecks } from '../finally.ts'
import { testingDocument, withTables } from './document.ts'
import { mutated } from './mutate.ts'
import { mutations } from './mutations.ts'
import { findMutation } from './run.ts'
import seeds from './seeds.json' with { type: 'json' }

const seedOf = (name: string) => (seeds as Record<string, number>)[name]

// A change of the code makes other runs of the seeds: then the recorded one may not do any more, and the others are tried.
describe('the simulator finds that', () => {
  test.each(Object.keys(mutations))(
    '%s',
    async (name) => {
      expect(await findMutation(name, seedOf(name))).toBeGreaterThan(0)
    },
    { timeout: 600_000 },
  )
})

test('each mutation has its place in the code', () => {
  for (const mutation of Object.values(mutations)) expect(mutated(mutation)).not.toBe('')
})

test('each check finds a mutation', () => {
  const checks = [anytimeChecks, onChangeChecks, eventuallyChecks, finallyChecks].flatMap(Object.keys)
  const finding = new Set(Object.values(mutations).map(({ foundBy }) => foundBy))
  expect(checks.filter((check) => !finding.has(check))).toEqual([])
})

test('docs/testing.md has the mutations and bugs as they are (bun test/sim/mutations/document.ts writes it)', async () => {
  const document = await Bun.file(testingDocument).text()
  expect(withTables(document)).toBe(document)
})
