/** How long ago something was, or how soon it will be, in one unit. */

const second = 1_000_000_000n
const minute = 60n * second
const hour = 60n * minute
const day = 24n * hour
const week = 7n * day
const month = 30n * day
const year = 12n * month

/** Distances below the first are told as the second; `#` is the number of `unit`s, cut off. */
const distances: readonly (readonly [below: bigint, text: string, unit: bigint])[] = [
  [second, 'now', second],
  [2n * second, '1 second', second],
  [minute, '# seconds', second],
  [2n * minute, '1 minute', minute],
  [hour, '# minutes', minute],
  [2n * hour, '1 hour', hour],
  [day, '# hours', hour],
  [2n * day, '1 day', day],
  [week, '# days', day],
  [2n * week, '1 week', week],
  [month, '# weeks', week],
  [2n * month, '1 month', month],
  [year, '# months', month],
  [18n * month, '1 year', year],
  [2n * year, '2 years', year],
  [37n * year, '# years', year],
]

/** Both in nanoseconds since the epoch; no time at all is long ago. */
export function relativeTime(time: bigint | undefined, now: bigint): string {
  const isAhead = time !== undefined && time > now
  const distance = time === undefined ? 100n * year : isAhead ? time - now : now - time
  const [, text, unit] = distances.find(([below]) => distance < below) ?? [0n, 'a long while', year]
  if (text === 'now') return text
  return `${text.replace('#', String(distance / unit))} ${isAhead ? 'from now' : 'ago'}`
}
