/** Sizes as people read them: SI units, one decimal below 10 (`spec/cli.md §2`). */

const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB']

export function bytesText(bytes: number): string {
  if (bytes < 10) return `${bytes} B`
  const step = Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  const value = Math.floor((bytes / 1000 ** step) * 10 + 0.5) / 10
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${units[step]}`
}
