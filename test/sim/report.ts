/** What a run comes to, and how it is told. */

export interface Report {
  seed: number
  /** Empty when all is well. */
  complaints: { check: string; complaint: string }[]
  events: number
  /** Of everything that happened, in its order. */
  hash: string
  /** How often what happened. */
  counts: Record<string, number>
  /** Of virtual time. */
  seconds: number
  /** The last lines of the trace. */
  tail: string[]
}

/** One line for a run that went well. */
export function summary({ seed, events, seconds, hash, counts }: Report): string {
  const list = Object.entries(counts).map(([name, count]) => `${count} ${name}`)
  return `seed ${seed}: ${events} events in ${seconds} s, hash ${hash}; ${list.join(', ')}`
}

/** All that helps to find out what went wrong. */
export function failureText(report: Report): string {
  const lines = report.complaints.slice(0, 20).map(({ check, complaint }) => `  ${check}: ${complaint}`)
  const left = report.complaints.length - lines.length
  return [
    ...report.tail,
    '',
    `seed ${report.seed} fails:`,
    ...lines,
    ...(left > 0 ? [`  and ${left} more`] : []),
    '',
    `again: bun test/sim/main.ts --seed ${report.seed}`,
  ].join('\n')
}

/** The counts of many runs together. */
export function total(reports: readonly Report[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const { counts } of reports) {
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count
  }
  return sums
}
