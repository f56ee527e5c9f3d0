/**
 * Times `cluster --help` against an empty compiled Bun program: whole processes, medians, interleaved.
 *
 *   bun test/bench/help.ts [executable]     default dist/cluster
 *
 * Exit codes: 0 within the goal, 1 slower or not measurable.
 */
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const RUNS = 20
/** `cluster --help` may take this many times as long as the empty program. */
const GOAL = 2

async function main(executable: string): Promise<number> {
  if (!existsSync(executable)) {
    console.error(`no executable at ${executable}; make it with: bun cli/build.ts`)
    return 1
  }
  const folder = await mkdtemp(join(tmpdir(), 'cluster-bench-'))
  try {
    const empty = await compileEmpty(folder)
    const times: { empty: number[]; help: number[] } = { empty: [], help: [] }
    // Both once before: the first run of a file reads it from disk.
    time([empty])
    time([executable, '--help'])
    for (let run = 0; run < RUNS; run++) {
      times.empty.push(time([empty]))
      times.help.push(time([executable, '--help']))
    }
    const ratio = median(times.help) / median(times.empty)
    console.log(`empty program   ${median(times.empty).toFixed(1)} ms`)
    console.log(`cluster --help  ${median(times.help).toFixed(1)} ms`)
    console.log(`ratio ${ratio.toFixed(2)}, goal at most ${GOAL} (medians of ${RUNS})`)
    return ratio <= GOAL ? 0 : 1
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function compileEmpty(folder: string): Promise<string> {
  const outfile = join(folder, 'empty')
  await writeFile(`${outfile}.ts`, 'export {}\n')
  await Bun.build({ entrypoints: [`${outfile}.ts`], compile: { outfile } })
  return outfile
}

/** Milliseconds from start to end of a process that has to succeed. */
function time(command: string[]): number {
  const started = performance.now()
  const { exitCode } = Bun.spawnSync(command, { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  const elapsed = performance.now() - started
  if (exitCode !== 0) throw new Error(`${command.join(' ')} ended with exit code ${exitCode}`)
  return elapsed
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return (sorted[Math.floor(middle - 0.5)]! + sorted[Math.floor(middle)]!) / 2
}

process.exitCode = await main(resolve(process.argv[2] ?? join(import.meta.dir, '../../dist/cluster')))
