/** Runs a process with a wall clock that is wrong by as much as a file says. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface ShiftedClock extends AsyncDisposable {
  /** To be set for the process, with the others. */
  environment: Record<string, string>
  /** Of processes that start from now on. */
  set(seconds: number): Promise<void>
}

/** Compiles the library; `whyNoUnsyncedWrites` says where that cannot be done. */
export async function shiftedClock(): Promise<ShiftedClock> {
  const work = await mkdtemp(join(tmpdir(), 'cluster-clock-'))
  const [library, file] = [join(work, 'shift-clock.so'), join(work, 'seconds')]
  const source = join(import.meta.dir, 'shift-clock.c')
  const compiler = Bun.spawn(['cc', '-O2', '-shared', '-fPIC', '-o', library, source, '-ldl'])
  if ((await compiler.exited) !== 0) throw new Error('shift-clock.c does not compile')
  return {
    environment: { LD_PRELOAD: library, CLOCK_SHIFT_FILE: file },
    set: (seconds) => writeFile(file, String(seconds)),
    [Symbol.asyncDispose]: () => rm(work, { recursive: true, force: true }),
  }
}
