import { expect, test } from 'bun:test'
import { runSeeds, seedsFrom } from './many-seeds.ts'
import { planOf } from './plan.ts'
import { failureText, type Report, total } from './report.ts'
import { shrink } from './shrink.ts'
import { simulate } from './simulation.ts'

const seeds = process.env.CLUSTER_TEST === 'full' ? 1000 : 200
/** Of these, as many are run twice. */
const twice = 10

const hashes = new Map<number, string>()

test(
  `${seeds} seeds of traffic and faults end with peers that agree and have kept every promise`,
  async () => {
    const reports: Report[] = []
    await runSeeds({ next: seedsFrom(1, seeds), onReport: (report) => reports.push(report) })
    for (const { seed, hash } of reports) hashes.set(seed, hash)
    const failed = reports.filter(({ complaints }) => complaints.length > 0)
    const [smallest] = failed.slice(0, 1).map((report) => failureText(shrink(planOf(report.seed), report)))
    expect([failed.map(({ seed }) => seed), smallest].join('\n')).toBe('\n')
    // Everything that can happen did happen, so the above means something.
    const sums = [reports.map(({ counts }) => counts), reports.map(({ faults }) => faults)].map(total)
    expect(sums.flatMap((sum) => Object.entries(sum).filter(([, count]) => count === 0))).toEqual([])
  },
  { timeout: seeds * 30_000 },
)

test(
  'the same seed gives the same events, and another one others',
  () => {
    const again = Array.from({ length: twice }, (_, i) => simulate(planOf(i + 1)).hash)
    expect(again).toEqual(Array.from({ length: twice }, (_, i) => hashes.get(i + 1)!))
    expect(new Set(again).size).toBe(twice)
  },
  { timeout: twice * 30_000 },
)
