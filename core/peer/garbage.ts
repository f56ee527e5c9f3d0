/** What the garbage collection of this peer's IPFS node removed, as a report of bounded size. */
import { messageOf } from '../error-text.ts'
import type { Ipfs, IpfsGcRow } from '../runtime/ipfs.ts'

/** Rows of one peer's report; of more, how many is told. */
const maxRows = 100_000

interface GarbageReport {
  keys: IpfsGcRow[]
  /** Why it broke off; what is listed is gone all the same. */
  error?: string
}

/** Collects to the end, however much is listed. Rejects only when the caller has gone. */
export async function collectGarbage(ipfs: Pick<Ipfs, 'gc'>, signal?: AbortSignal): Promise<GarbageReport> {
  const keys: IpfsGcRow[] = []
  let unlisted = 0
  const report = () => {
    if (unlisted > 0) keys.push({ error: `${unlisted} more were removed or failed; ${maxRows} are listed` })
    return { keys }
  }
  try {
    for await (const row of ipfs.gc(signal && { signal })) {
      if (keys.length < maxRows) keys.push(row)
      else unlisted++
    }
    return report()
  } catch (error) {
    signal?.throwIfAborted()
    return { ...report(), error: messageOf(error) }
  }
}
