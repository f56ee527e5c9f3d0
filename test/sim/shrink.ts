/** Makes a failure smaller: fewer faults, operations and peers, as long as the same check fails. */
import { type Mask, noMask, type Plan } from './plan.ts'
import type { Report } from './report.ts'
import { simulate } from './simulation.ts'

/** Runs that are tried. */
export const shrinkingRuns = 80

/** The report of the smallest run found that fails like `report`, which is one of the whole plan. */
export function shrink(plan: Plan, report: Report, runs = shrinkingRuns): Report {
  const shrinking = new Shrinking(plan, report, runs)
  shrinking.withoutSome('faults')
  shrinking.withoutSome('operations')
  shrinking.withFewerPeers()
  shrinking.withoutSome('faults')
  return shrinking.smallest
}

class Shrinking {
  smallest: Report
  readonly #plan: Plan
  readonly #check: string | undefined
  #runs: number

  constructor(plan: Plan, report: Report, runs: number) {
    this.smallest = report
    this.#plan = plan
    this.#check = report.complaints[0]?.check
    this.#runs = runs
  }

  /** Leaves out ever smaller parts of what is still there. */
  withoutSome(part: 'faults' | 'operations'): void {
    const { drawn } = this.smallest
    const all = Array.from({ length: drawn[part] }, (_, i) => i + 1)
    const left = () => all.filter((index) => !this.smallest.mask[part].has(index))
    for (let size = all.length; size >= 1 && this.#runs > 0; size = Math.floor(size / 2)) {
      for (let at = 0; at < left().length && this.#runs > 0; ) {
        const chunk = left().slice(at, at + size)
        const without = new Set([...this.smallest.mask[part], ...chunk])
        if (!this.#try({ ...this.smallest.mask, [part]: without })) at += size
      }
    }
  }

  withFewerPeers(): void {
    for (let peers = this.#plan.peers - 1; peers >= 2 && this.#runs > 0; peers--) {
      this.#try({ ...this.smallest.mask, peers })
    }
  }

  /** True when the run fails in the same way; it is then the smallest. */
  #try(mask: Mask): boolean {
    this.#runs--
    const report = simulate(this.#plan, mask)
    if (!report.complaints.some(({ check }) => check === this.#check)) return false
    this.smallest = report
    return true
  }
}

/** The report of a run, made small when it fails. */
export function simulateAndShrink(plan: Plan): Report {
  const report = simulate(plan, noMask)
  return report.complaints.length === 0 ? report : shrink(plan, report)
}
