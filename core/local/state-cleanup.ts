/** Deletes the pinset of a stopped peer. */
import { lockFolder } from '../store/lock.ts'
import { removeStore } from './replacement.ts'

/** Throws `StoreLockedError` while the peer runs. */
export async function cleanupState(folder: string): Promise<void> {
  using _lock = lockFolder(folder)
  await removeStore(folder)
}
