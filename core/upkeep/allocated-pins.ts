/** Reads all pins that certain peers are to hold, a page at a time, and leaves most of the time to others. */
import type { Pin } from '../pin/pin.ts'
import { pause } from '../runtime/pause.ts'
import type { Scheduler } from '../runtime/ports.ts'
import type { Cursor, PinQuery } from '../runtime/store.ts'
import type { UpkeepStore } from './ports.ts'

/** Pins read at a time. */
const pageSize = 500
/** Milliseconds between two pages. */
const pagePause = 10

/** Pages may be empty. Rejects with the reason of `signal`. */
export async function* allocatedPins(
  store: Pick<UpkeepStore, 'pins'>,
  scheduler: Scheduler,
  signal: AbortSignal,
): AsyncGenerator<Pin[]> {
  let after: Cursor | undefined
  for (;;) {
    const query = { limit: pageSize, types: ['data', 'shard'], order: 'any' } satisfies PinQuery
    const page = store.pins({ ...query, ...(after && { after }) })
    yield page.rows.filter(({ replicationFactorMin: min }) => min > 0)
    after = page.next
    if (after === undefined) return
    await pause(scheduler, pagePause, signal)
    signal.throwIfAborted()
  }
}
