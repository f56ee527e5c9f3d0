import { describe, expect, test } from 'bun:test'
import { defects } from './defects.ts'
import { failureText, total } from './report.ts'
import { simulate } from './simulation.ts'
import { anytimeChecks, eventuallyChecks, finallyChecks } from './validate.ts'

const seeds = process.env.CLUSTER_TEST === 'full' ? 2000 : 200
/** Seeds in which a defect must have been found. */
const seedsPerDefect = 10

test(
  `${seeds} seeds of traffic and faults end with peers that agree and have kept every promise`,
  () => {
    const reports = Array.from({ length: seeds }, (_, i) => simulate(i + 1))
    const failed = reports.filter(({ complaints }) => complaints.length > 0)
    expect(failed.map(failureText).join('\n\n')).toBe('')
    // Everything that can happen did happen, so the above means something.
    const never = Object.entries(total(reports)).filter(([, count]) => count === 0)
    expect(never).toEqual([])
  },
  { timeout: seeds * 1_000 },
)

test('the same seed gives the same events', () => {
  for (const seed of [1, 2, 3, 4, 5]) expect(simulate(seed).hash).toBe(simulate(seed).hash)
})

test('another seed gives other events', () => {
  expect(simulate(1).hash).not.toBe(simulate(2).hash)
})

describe('the checks find', () => {
  test.each(Object.entries(defects))(
    '%s',
    (_name, { defect, foundBy }) => {
      const found = Array.from({ length: seedsPerDefect }, (_, i) => i + 1).some((seed) =>
        simulate(seed, defect).complaints.some(({ check }) => check === foundBy),
      )
      expect(found).toBe(true)
    },
    { timeout: 60_000 },
  )

  test('something each', () => {
    const checks = [anytimeChecks, eventuallyChecks, finallyChecks].flatMap((group) => Object.keys(group))
    const found = Object.values(defects).map(({ foundBy }) => foundBy)
    expect(checks.filter((check) => !found.includes(check))).toEqual([])
  })
})
