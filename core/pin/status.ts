/** The states a pin can be in on one peer, with the bits they have on the wire (`spec/behaviour.md` §4.1). */

export const statusBits = {
  undefined: 0,
  cluster_error: 2,
  pin_error: 4,
  unpin_error: 8,
  pinned: 16,
  pinning: 32,
  unpinning: 64,
  unpinned: 128,
  remote: 256,
  pin_queued: 512,
  unpin_queued: 1024,
  sharded: 2048,
  unexpectedly_unpinned: 4096,
} as const

export type PinStatus = keyof typeof statusBits

/** Names that only filters know: sums of the bits above. */
const filterOnlyBits = { error: 14, queued: 1536 } as const

/** A sum of status bits; 0 = no filter. */
export type StatusFilter = number

/** True when `filter` is 0 or holds the bit of `status`. */
export function matchesStatus(status: PinStatus, filter: StatusFilter): boolean {
  return filter === 0 || (statusBits[status] & filter) !== 0
}

/**
 * Reads a comma list of status names, blanks ignored. Unknown names next to known ones are ignored, as the original
 * does; undefined when nothing known remains of a text that is not empty.
 */
export function parseStatusFilter(text: string): StatusFilter | undefined {
  let filter = 0
  let known = false
  for (const part of text.split(',')) {
    const name = part.trim()
    if (name === '') continue
    const bits = { ...statusBits, ...filterOnlyBits }[name as PinStatus | 'error' | 'queued']
    if (bits === undefined) continue
    known = true
    filter |= bits
  }
  return known || text.trim() === '' ? filter : undefined
}
