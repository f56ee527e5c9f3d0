/**
 * Runs the simulator: `bun test/sim/main.ts [--seed N] [--seeds N]`. One seed is told in full, many in one line each when
 * they fail. Exits with 1 when any fails.
 */
import { parseArgs } from 'node:util'
import { failureText, type Report, summary, total } from './report.ts'
import { simulate } from './simulation.ts'

const { values } = parseArgs({
  options: { seed: { type: 'string' }, seeds: { type: 'string' } },
})

if (values.seed !== undefined && values.seeds === undefined) runOne(wholeNumber('--seed', values.seed))
else runMany(wholeNumber('--seed', values.seed ?? '1'), wholeNumber('--seeds', values.seeds ?? '200'))

function runOne(seed: number): void {
  const report = simulate(seed)
  console.log(
    report.complaints.length === 0 ? [...report.tail, summary(report)].join('\n') : failureText(report),
  )
  process.exitCode = report.complaints.length === 0 ? 0 : 1
}

function runMany(first: number, count: number): void {
  const reports: Report[] = []
  let failed = 0
  for (let seed = first; seed < first + count; seed++) {
    const report = simulate(seed)
    reports.push(report)
    if (report.complaints.length === 0) continue
    failed++
    console.log(failureText(report))
  }
  const counts = Object.entries(total(reports)).map(([name, sum]) => `${sum} ${name}`)
  console.log(`${count} seeds from ${first}: ${failed} failed; ${counts.join(', ')}`)
  process.exitCode = failed === 0 ? 0 : 1
}

function wholeNumber(flag: string, text: string): number {
  const number = Number(text)
  if (text === '' || !Number.isSafeInteger(number) || number < 0) {
    throw new RangeError(`${flag} ${text}: a whole number is expected`)
  }
  return number
}
