/**
 * The rule about `docs/limits.md`: a bound that a row gives is the one that the code has.
 *
 * A row ends in the file and the name of a constant: "| … | 4 MiB | `core/pin/limits.ts` `MAX_PIN_BYTES` |".
 */

const ROW = /^\|.*\| ([^|]+) \| `([^`]+\.ts)` `([A-Za-z_]+)` \|$/gm

const UNITS: Readonly<Record<string, number>> = {
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  s: 1000,
  min: 60_000,
  h: 3_600_000,
}

/** Rows whose bound differs from the code. `read` gives the text of a file from the top, or undefined. */
export function wrongLimits(document: string, read: (path: string) => string | undefined): string[] {
  const complaints: string[] = []
  let rows = 0
  for (const [, bound, path, name] of document.matchAll(ROW)) {
    rows++
    const inCode = valueInCode(name!, read(path!) ?? '')
    const said = boundOf(bound!)
    if (inCode === undefined) complaints.push(`docs/limits.md names ${name} of ${path}, which is not there`)
    else if (inCode !== said)
      complaints.push(`docs/limits.md says ${bound} for ${name}, ${path} says ${inCode}`)
  }
  return rows === 0 ? ['docs/limits.md has no row that can be checked'] : complaints
}

/** `4 MiB` → 4194304, `30 s` → 30000, `1,000` → 1000; NaN for anything else. */
function boundOf(text: string): number {
  const [, number, unit] = text.match(/^([\d,.]+)(?: ([A-Za-z]+))?$/) ?? []
  return Number(number?.replaceAll(',', '')) * (UNITS[unit ?? ''] ?? 1)
}

/** The value of a constant or a key that is written as a product or power of numbers. */
function valueInCode(name: string, source: string): number | undefined {
  const found = source.matchAll(new RegExp(`\\b${name}(?:: \\w+)? ?[:=] ([\\d_.n *-]+)`, 'g'))
  const expression = [...found].map((match) => match[1]!).find((text) => /\d/.test(text))
  return expression === undefined ? undefined : Number(new Function(`return ${expression}`)())
}

/** "| `core/x.ts` `name` | `test/x.test.ts` the name of the test |" */
const SHOWN = /^\| `([^`]+)` `([A-Za-z_]+)` \| `(test\/[^`]+)` (.+) \|$/gm

/** Rows of the table of bounds that a test goes beyond, which name no row above or a test that is not there. */
export function unshownLimits(document: string, read: (path: string) => string | undefined): string[] {
  const bounds = new Set([...document.matchAll(ROW)].map(([, , path, name]) => `${path} ${name}`))
  const shown = [...document.matchAll(SHOWN)]
  if (shown.length === 0) return ['docs/limits.md names no bound that a test goes beyond']
  return shown.flatMap(([, path, name, test, title]) => {
    if (!bounds.has(`${path} ${name}`))
      return [`docs/limits.md has no row for ${path} ${name}, which a test is named for`]
    const found = read(test!)?.replaceAll("\\'", "'").includes(title!)
    return found ? [] : [`docs/limits.md names a test that is not there: ${test} ${title}`]
  })
}
