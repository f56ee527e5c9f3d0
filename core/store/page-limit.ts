/** How long a page may be. */

/** Rows of a page at most. */
export const longestPage = 1000

/** `limit` itself. Throws `RangeError` when no page may be so long. */
export function pageLimit(limit: number): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > longestPage) {
    throw new RangeError(`limit ${limit} is not 1 to ${longestPage}`)
  }
  return limit
}
