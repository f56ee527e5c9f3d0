/** What a run comes to, and how it is told. */
import type { Mask } from './plan.ts'

export interface Report {
  seed: number
  mask: Mask
  /** Operations and faults of the plan, those that were left out included, and its peers. */
  drawn: { operations: number; faults: number; peers: number }
  /** Empty when all is well. */
  complaints: { check: string; complaint: string }[]
  events: number
  /** Of everything that happened, in its order. */
  hash: string
  /** How often clients asked for what, and how it ended. */
  counts: Record<string, number>
  /** How often what went wrong. */
  faults: Record<string, number>
  /** Of virtual time. */
  seconds: number
  /** The last lines of the trace. */
  tail: string[]
}

/** One line for a run that went well. */
export function summary({ seed, events, seconds, hash, counts, faults }: Report): string {
  return `seed ${seed}: ${events} events in ${seconds} s, hash ${hash}; ${list(counts)}; faults: ${list(faults)}`
}

/** All that helps to find out what went wrong. */
export function failureText(report: Report): string {
  const { seed, mask, drawn, complaints, tail } = report
  const lines = complaints.slice(0, 20).map(({ check, complaint }) => `  ${check}: ${complaint}`)
  const left = complaints.length - lines.length
  const operations = drawn.operations - mask.operations.size
  // A smaller run ends sooner and draws fewer faults: those left out beyond these never came up.
  const faults = drawn.faults - [...mask.faults].filter((index) => index <= drawn.faults).length
  return [
    ...tail,
    '',
    `seed ${seed} fails with ${drawn.peers} peers, ${operations} operations and ${faults} faults:`,
    ...lines,
    ...(left > 0 ? [`  and ${left} more`] : []),
    '',
    `again: bun run sim --seed ${seed}`,
  ].join('\n')
}

/** Sums of many runs. */
export function total(each: readonly Record<string, number>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const counts of each) {
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count
  }
  return sums
}

export function list(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ')
}
