/** Checks the pinset of a peer, and derives its tables anew. */
import type { StoreFault } from '../runtime/store.ts'
import type { CheckInit } from '../store/maintenance.ts'
import type { PeerFiles } from './peer-files.ts'

export type RepairOptions = Pick<CheckInit, 'signal' | 'onProgress'>

/** What the tables say that the history does not; the peer may run meanwhile. Fails as `checkStore`. */
export async function* checkState(folder: string, options: RepairOptions): AsyncGenerator<StoreFault> {
  const { checkStore } = await import('../store/maintenance.ts')
  yield* checkStore({ folder, ...options })
}

/** Makes the tables agree with the history, and gives what did not. The peer must be stopped. Fails as `rebuildStore`. */
export async function* rebuildState(files: PeerFiles, options: RepairOptions): AsyncGenerator<StoreFault> {
  const { rebuildStore } = await import('../store/maintenance.ts')
  const { config, identity } = files
  const { priorityPinMaxAge: maxAge, priorityPinMaxRetries: maxRetries } = config.stateless
  yield* rebuildStore({
    folder: config.folder,
    self: identity.id,
    priority: { maxAge, maxRetries },
    now: () => Date.now(),
    ...options,
  })
}
