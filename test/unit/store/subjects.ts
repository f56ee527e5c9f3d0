/** The stores that the compliance suite runs on. */

import type { Store } from '../../../core/runtime/store.ts'
import { systemRandom, systemScheduler } from '../../../core/runtime/system.ts'
import { openStore } from '../../../core/store/sqlite-store.ts'
import { SimulatedDisk } from '../../sim/simulated-disk.ts'
import { openSimulatedStore } from '../../sim/simulated-store.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import type { StoreSubject, SubjectOptions } from './compliance.ts'
import { ManualClock, self, silentLogger } from './fixtures.ts'

export async function sqliteSubject(options: SubjectOptions = {}): Promise<StoreSubject> {
  const folder = await temporaryFolder()
  const clock = new ManualClock()
  const runtime = { clock, logger: silentLogger, scheduler: systemScheduler }
  return subjectOf(
    clock,
    () => openStore({ self, ...options, folder: folder.path, runtime }),
    () => folder[Symbol.asyncDispose](),
  )
}

export async function simulatedSubject(options: SubjectOptions = {}): Promise<StoreSubject> {
  const disk = new SimulatedDisk({ random: systemRandom, slowestSync: 1 })
  const clock = new ManualClock()
  const runtime = { clock, logger: silentLogger, scheduler: systemScheduler }
  return subjectOf(clock, () => openSimulatedStore({ self, ...options, disk, runtime }))
}

async function subjectOf(
  clock: ManualClock,
  open: () => Promise<Store>,
  remove?: () => PromiseLike<void>,
): Promise<StoreSubject> {
  const subject: StoreSubject = {
    store: await open(),
    clock,
    async reopen() {
      await subject.store[Symbol.asyncDispose]()
      subject.store = await open()
    },
    async [Symbol.asyncDispose]() {
      await subject.store[Symbol.asyncDispose]()
      await remove?.()
    },
  }
  return subject
}
