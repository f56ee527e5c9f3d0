/**
 * The rules about documents and packages: links lead somewhere, every package is used and has its reason written.
 */
import { posix } from 'node:path'
import type { Source } from './sources.ts'

export interface Document {
  readonly path: string
  readonly text: string
}

export interface PackageList {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

const LINK = /\]\(([^)\s]+)\)/g

/** Relative links of Markdown files to nothing; `exists` is asked for paths from the top. */
export function deadLinks(documents: readonly Document[], exists: (path: string) => boolean): string[] {
  return documents.flatMap(({ path, text }) =>
    [...text.matchAll(LINK)]
      .map(([, target]) => target!.replace(/#.*$/, ''))
      .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
      .filter((target) => !exists(posix.join(posix.dirname(path), target)))
      .map((target) => `${path} links to ${target}, which is not there`),
  )
}

/** Pointers of code and documents to pages of `docs/spec/`: `spec/wire.md` with the sections that follow it. */
const SPEC_POINTER = /\bspec\/([a-z-]+)\.md((?:`?,? (?:and )?§[\d.]*\d)*)/g

/** Pointers to a page or a section that `docs/spec/` does not have; `read` takes a path from the top. */
export function deadSpecPointers(
  files: readonly Document[],
  read: (path: string) => string | undefined,
): string[] {
  return files.flatMap(({ path, text }) =>
    [...text.matchAll(SPEC_POINTER)].flatMap(([, page, sections]) => {
      const target = read(`docs/spec/${page}.md`)
      if (target === undefined) return [`${path} points to docs/spec/${page}.md, which does not exist`]
      return [...sections!.matchAll(/§([\d.]*\d)/g)]
        .filter(([, number]) => !new RegExp(`^#+ ${number!.replaceAll('.', '\\.')}\\.? `, 'm').test(target))
        .map(([, number]) => `${path} points to docs/spec/${page}.md §${number}, which does not exist`)
    }),
  )
}

/** Rows of tables that have another number of cells than the first row of their table. */
export function unevenRows(documents: readonly Document[]): string[] {
  return documents.flatMap(({ path, text }) => {
    let cells = 0
    return text.split('\n').flatMap((line, index) => {
      const count = line.startsWith('|') ? line.split(/(?<!\\)\|/).length - 2 : 0
      const isUneven = count > 0 && cells > 0 && count !== cells
      cells = count === 0 ? 0 : cells || count
      return isUneven ? [`${path}:${index + 1} has ${count} cells in a table of ${cells}`] : []
    })
  })
}

/** Rows of `docs/compatibility.md` that name a test which is not there: "| … | `test/x.test.ts` its name |". */
export function unprovenRows(document: string, read: (path: string) => string | undefined): string[] {
  const rows = document
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\|( no\. \|)?( the original | what )\|?/.test(line))
  return rows.flatMap((row) => {
    const [, path, name] = row.match(/\| `(test\/[^`]+)`([^|]*)\|$/) ?? []
    if (path === undefined) return [`docs/compatibility.md names no test for: ${row}`]
    const found = read(path)?.replaceAll("\\'", "'").includes(name!.trim())
    return found ? [] : [`docs/compatibility.md names a test that is not there: ${path}${name!.trimEnd()}`]
  })
}

/** Known weaknesses of the original, in the list that `docs/compatibility.md` goes through. */
const knownWeaknesses = 42

/** Numbers that are neither in a row "| 7 | … |" nor in a line "- 7: …" that says why. */
export function missingWeaknesses(document: string): string[] {
  const told = new Set(
    [...document.matchAll(/^(?:\| (\d+) \||- (\d+): \S)/gm)].map(([, row, line]) => row ?? line),
  )
  return Array.from({ length: knownWeaknesses }, (_, index) => `${index + 1}`)
    .filter((number) => !told.has(number))
    .map((number) => `docs/compatibility.md says nothing of weakness ${number}`)
}

/** The package of an import: `@ipld/car/reader` → `@ipld/car`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

/** Packages that are imported and not in package.json, and packages of `dependencies` that nothing imports. */
export function strayPackages(sources: readonly Source[], list: PackageList): string[] {
  const runtime = new Set(Object.keys(list.dependencies ?? {}))
  const all = new Set([...runtime, ...Object.keys(list.devDependencies ?? {})])
  const complaints: string[] = []
  const used = new Set<string>()
  for (const { path, imports } of sources) {
    for (const { specifier, file } of imports) {
      if (file !== undefined || /^(node:|bun(:|$))/.test(specifier)) continue
      const name = packageOf(specifier)
      const inTests = path.startsWith('test/')
      if (!inTests) used.add(name)
      if (!(inTests ? all : runtime).has(name))
        complaints.push(`${path} imports ${name}, which package.json lacks`)
    }
  }
  for (const name of runtime) if (!used.has(name)) complaints.push(`nothing imports the dependency ${name}`)
  return complaints
}

/** Packages without a row in the table of `docs/dependencies.md`: "| `name` | reason |". */
export function unexplainedPackages(list: PackageList, document: string): string[] {
  const names = [...Object.keys(list.dependencies ?? {}), ...Object.keys(list.devDependencies ?? {})]
  const explained = new Set([...document.matchAll(/^\| `([^`]+)` \|\s*[^\s|]/gm)].map(([, name]) => name!))
  return [
    ...names
      .filter((name) => !explained.has(name))
      .map((name) => `docs/dependencies.md gives no reason for ${name}`),
    ...[...explained]
      .filter((name) => !names.includes(name))
      .map((name) => `docs/dependencies.md explains ${name}, which package.json lacks`),
  ]
}
