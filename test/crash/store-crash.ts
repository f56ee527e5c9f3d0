/**
 * Kills a process that works on a store at random moments, and compares what is on the disk with what it had acknowledged;
 * each time the check must find nothing. Run it by itself for a long run:
 *
 *     bun test/crash/store-crash.ts [--rounds 200] [--unsynced kept|dropped|mixed]
 */
import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, systemScheduler } from '../../core/runtime/system.ts'
import { checkStore } from '../../core/store/maintenance.ts'
import { openStore } from '../../core/store/sqlite-store.ts'
import { self, silentLogger } from '../unit/store/fixtures.ts'
import { type Line, StoreOracle } from './store-oracle.ts'
import { watchUnsyncedWrites } from './unsynced-writes.ts'

export interface StoreCrashRun {
  rounds: number
  /** What becomes of writes that were not synced: all stay, none does, or each by chance. */
  unsynced: 'kept' | 'dropped' | 'mixed'
  /** Syncs do nothing: a disk that lies, on which the run must fail. */
  syncsInVain?: boolean
  onRound?(round: { round: number; acknowledged: number; undone: number }): void
}

/** Milliseconds of work before the kill, at most. */
const longestWork = 300

/** Milliseconds from the start of a process until its store is open, about. */
const longestOpening = 150

/** Numbers of values that one process may use. */
const numbersPerRound = 1_000_000

/** Resolves with the acknowledged calls; rejects at the first broken promise or found fault. */
export async function crashStore(run: StoreCrashRun): Promise<number> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'cluster-store-crash-')))
  const unsynced = run.unsynced === 'kept' ? undefined : await watchUnsyncedWrites(join(folder, 'store'))
  const oracle = new StoreOracle()
  try {
    for (let round = 1; round <= run.rounds; round++) {
      const before = oracle.acknowledged
      await work(folder, round, oracle, {
        ...unsynced?.environment,
        ...(run.syncsInVain ? { UNSYNCED_IN_VAIN: '1' } : {}),
      })
      const undone = (await unsynced?.drop(() => run.unsynced === 'mixed' && Math.random() < 0.5)) ?? 0
      await verify(folder, oracle)
      run.onRound?.({ round, acknowledged: oracle.acknowledged - before, undone })
    }
    return oracle.acknowledged
  } finally {
    await unsynced?.remove()
    await rm(folder, { recursive: true, force: true })
  }
}

/** Lets a process work for a while and kills it. */
async function work(
  folder: string,
  round: number,
  oracle: StoreOracle,
  environment: Record<string, string>,
): Promise<void> {
  const script = join(import.meta.dir, 'store-process.ts')
  const child = Bun.spawn([process.execPath, script, folder, `${round * numbersPerRound}`], {
    env: { ...process.env, ...environment },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const kill = (longest: number) => setTimeout(() => child.kill('SIGKILL'), Math.random() * longest)
  // One in eight does not get far: opening recovers the log, and may be cut off too.
  const killedEarly = Math.random() < 1 / 8
  if (killedEarly) kill(longestOpening)
  let opened = killedEarly
  for await (const line of linesOf(child.stdout)) {
    oracle.hear(line)
    if (opened || !('opened' in line)) continue
    opened = true
    kill(longestWork)
  }
  await child.exited
  if (!opened)
    throw new Error(`round ${round}: the store did not open: ${await new Response(child.stderr).text()}`)
}

/** As the next process finds it. */
async function verify(folder: string, oracle: StoreOracle): Promise<void> {
  {
    await using store = await openStore({
      folder,
      self,
      runtime: { clock: systemClock, logger: silentLogger, scheduler: systemScheduler },
    })
    const broken = oracle.settle(store)
    if (broken.length > 0)
      throw new Error(`${broken.length} promises broken:\n${broken.slice(0, 10).join('\n')}`)
    for (const { cid } of store.heads()) if (!store.hasBlock(cid)) throw new Error(`head ${cid} has no block`)
  }
  const faults = await Array.fromAsync(checkStore({ folder }))
  if (faults.length > 0) throw new Error(`the check found ${JSON.stringify(faults.slice(0, 10), null, 2)}`)
}

/** Whole lines only: the kill may cut the last one off. */
async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Line> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line) as Line
  }
}

if (import.meta.main) {
  const words = process.argv.slice(2)
  const option = (name: string, otherwise: string) =>
    words.includes(name) ? words[words.indexOf(name) + 1] : otherwise
  const rounds = Number(option('--rounds', '200'))
  const acknowledged = await crashStore({
    rounds,
    unsynced: option('--unsynced', 'kept') as StoreCrashRun['unsynced'],
    onRound: ({ round, acknowledged: calls, undone }) =>
      console.log(`round ${round}: ${calls} calls acknowledged, ${undone} unsynced writes undone`),
  })
  console.log(`${rounds} kills, ${acknowledged} acknowledged calls, none lost`)
}
