/** Holds the project to its own rules; `rules.test.ts` shows that each rule can fail. */
import { describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import packageList from '../../package.json' with { type: 'json' }
import { cycles, eagerLoads, wrongArrows } from './arrows.ts'
import { COMMANDS_DOCUMENT, withReference } from './command-reference.ts'
import {
  deadLinks,
  deadSpecPointers,
  missingWeaknesses,
  strayPackages,
  unevenRows,
  unexplainedPackages,
  unprovenRows,
} from './documents.ts'
import { unshownLimits, wrongLimits } from './limits.ts'
import { routesOfCode, routesOfDocument } from './routes.ts'
import { badNames, bannedCode, longFiles, platformInPureParts, strayWords } from './rules.ts'
import { defaultsOfCode, wrongSettings } from './settings.ts'
import { readSources, TOP } from './sources.ts'

const sources = await readSources()
const own = new Bun.Glob('**/*.{ts,json,md,sh,toml,mod}')
const outside = /(^|\/)(node_modules|dist|coverage)\/|^test\/vectors\//
const files = await Promise.all(
  [...own.scanSync({ cwd: TOP }), '.ci/run']
    .filter((path) => !outside.test(path))
    .map(async (path) => ({ path, text: await Bun.file(join(TOP, path)).text() })),
)
const textOf = (path: string) => files.find((file) => file.path === path)?.text
const documents = files.filter(({ path }) => path.endsWith('.md'))

describe('the house', () => {
  test('imports point one way', () => expect(wrongArrows(sources)).toEqual([]))
  test('no files import each other in a ring', () =>
    expect(cycles(sources.filter(({ path }) => !path.startsWith('test/')))).toEqual([]))
  test('the entry point and the commands load neither libp2p nor helia by themselves', () =>
    expect(eagerLoads(sources)).toEqual([]))
  test('no part does what its place forbids', () => expect(bannedCode(sources)).toEqual([]))
  test('the pure parts know no platform', () => expect(platformInPureParts(sources)).toEqual([]))
  test('names say what is inside', () => expect(badNames(files.map(({ path }) => path))).toEqual([]))
  test('files hold one concept', () => expect(longFiles(sources)).toEqual([]))
  test('no mark of unfinished work and no place of one machine is left', () =>
    expect(strayWords(files)).toEqual([]))
  test('links in documents lead somewhere', () =>
    expect(deadLinks(documents, (path) => existsSync(join(TOP, path)))).toEqual([]))
  test('pointers to docs/spec/ name a page and a section that exist', () =>
    expect(deadSpecPointers(files, textOf)).toEqual([]))
  test('rows of tables in documents fit their table', () => expect(unevenRows(documents)).toEqual([]))
  test('every package is declared and used', () => expect(strayPackages(sources, packageList)).toEqual([]))
  test('every package has its reason in docs/dependencies.md', async () => {
    const document = await Bun.file(join(TOP, 'docs/dependencies.md')).text()
    expect(unexplainedPackages(packageList, document)).toEqual([])
  })
  test('the bounds in docs/limits.md are those of the code', async () => {
    const document = await Bun.file(join(TOP, 'docs/limits.md')).text()
    expect(wrongLimits(document, textOf)).toEqual([])
  })
  test('docs/commands.md says what the commands say (bun test/tidy/command-reference.ts writes it)', async () => {
    const document = await Bun.file(COMMANDS_DOCUMENT).text()
    expect(document).toBe(await withReference(document))
  })
  test('docs/configuration.md has every setting with its default', async () => {
    const document = await Bun.file(join(TOP, 'docs/configuration.md')).text()
    expect(wrongSettings(document, defaultsOfCode())).toEqual([])
  })
  test('the tests that docs/limits.md names are there, and each is for one of its rows', () =>
    expect(unshownLimits(textOf('docs/limits.md') ?? '', textOf)).toEqual([]))
  test('every row of docs/compatibility.md names a test that is there', () =>
    expect(unprovenRows(textOf('docs/compatibility.md') ?? '', textOf)).toEqual([]))
  test('docs/compatibility.md goes through all known weaknesses of the original', () =>
    expect(missingWeaknesses(textOf('docs/compatibility.md') ?? '')).toEqual([]))
  test('docs/rest.md has every route and no other', () =>
    expect(routesOfDocument(textOf('docs/rest.md') ?? '')).toEqual(routesOfCode()))
})
