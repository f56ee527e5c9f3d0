/**
 * Undoes what this peer wrote unasked when somebody unpinned the pin that it was made from without having seen it: the
 * unpin counts, although sets of this kind keep what was added meanwhile.
 */
import type { UpkeepStore } from './ports.ts'

/** CIDs withdrawn at once. */
const batchSize = 500
/** Milliseconds between two looks. */
const lookInterval = 2_000
/** Milliseconds to the next when there were more than one takes. */
const busyPause = 100

/** One round: gives the milliseconds until the next. */
export async function withdrawOrphans(store: Pick<UpkeepStore, 'orphans' | 'write'>): Promise<number> {
  const orphans = store.orphans(batchSize)
  if (orphans.length > 0) await store.write(orphans.map((cid) => ({ kind: 'withdraw', cid })))
  return orphans.length < batchSize ? lookInterval : busyPause
}
