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

const recorded = new Map(Object.entries(seeds))

test('each mutation has a recorded seed (bun test/sim/mutations/find-seeds.ts looks for one)', () => {
  expect([...recorded.keys()].sort()).toEqual(Object.keys(mutations).sort())
})

// A change of the code makes other runs of the seeds. Most mutations are then found in any of the quickest; to look through
// all takes minutes, and is left to find-seeds.ts.
const others = 10

describe('the simulator finds that', () => {
  test.each([...recorded])(
    '%s',
    async (name, seed) => {
      expect(await findMutation(name, seed, others)).toBeGreaterThan(0)
    },
    { timeout: 120_000 },
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
