/** Every rule of the house, shown a bad example that it has to find and a good one that it has to leave alone. */
import { describe, expect, test } from 'bun:test'
import { cycles, eagerLoads, MAY_IMPORT, partOf, wrongArrows } from './arrows.ts'
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
import { type Import, toSource } from './sources.ts'

const imports = (path: string, text: string): readonly Import[] => toSource(path, text).imports

describe('what a file imports', () => {
  test('is found in every form', () => {
    const text = [
      `import { a } from './a.ts'`,
      `import type { B } from './b.ts'`,
      `import { type C, type D } from './c.ts'`,
      `import { type E, e } from './e.ts'`,
      'import {\n  f,\n  g,\n} from "./f.ts"',
      `import './h.ts'`,
      `export * from '../i.ts'`,
      `const j = await import('./j.ts')`,
      `let k: typeof import('./k.ts')`,
      `import fs from 'node:fs'`,
    ].join('\n')
    expect(imports('core/pin/x.ts', text).map(({ file, kind }) => `${kind} ${file}`)).toEqual([
      'static core/pin/a.ts',
      'type core/pin/b.ts',
      'type core/pin/c.ts',
      'static core/pin/e.ts',
      'static core/pin/f.ts',
      'static core/pin/h.ts',
      'static core/i.ts',
      'static undefined',
      'lazy core/pin/j.ts',
      'type core/pin/k.ts',
    ])
  })
})

describe('arrows', () => {
  const complaints = (path: string, text: string) => wrongArrows([toSource(path, text)])

  test('that go back are found, whatever the form of the import', () => {
    expect(complaints('core/pin/pin.ts', `import { x } from '../store/x.ts'`)).toHaveLength(1)
    expect(complaints('core/crdt/merge.ts', `import type { X } from '../tracker/x.ts'`)).toHaveLength(1)
    expect(complaints('core/client/http.ts', `const x = await import('../peer.ts')`)).toHaveLength(1)
    expect(complaints('core/api/rest/app.ts', `export * from '../../peer/peer.ts'`)).toHaveLength(1)
    expect(complaints('commands/id.ts', `import { x } from '../cli/main.ts'`)).toHaveLength(1)
    expect(complaints('commands/id.ts', `import { x } from '../core/crdt/merge.ts'`)).toHaveLength(1)
    expect(complaints('core/pin/pin.ts', `import { x } from '../../test/sim/x.ts'`)).toHaveLength(1)
  })
  test('that go down are left alone', () => {
    expect(complaints('core/peer.ts', `import { x } from './store/x.ts'`)).toEqual([])
    expect(complaints('core/store/x.ts', `import { x } from '../crdt/merge.ts'`)).toEqual([])
    expect(complaints('commands/pin/add.ts', `import { x } from '../../core/client/client.ts'`)).toEqual([])
    expect(complaints('test/sim/world.ts', `import { x } from '../../core/crdt/merge.ts'`)).toEqual([])
  })
  test('that only types may take do not carry code', () => {
    expect(complaints('core/api/rest/add.ts', `import type { X } from '../../adder/add.ts'`)).toEqual([])
    expect(complaints('core/api/rest/add.ts', `import { x } from '../../adder/add.ts'`)).toHaveLength(1)
  })
  test('from a folder outside the layout are found', () => {
    expect(complaints('core/magic/x.ts', '')).toEqual(['core/magic/x.ts is in no known part of the layout'])
  })
  test('name parts that exist in the table', () => {
    for (const may of Object.values(MAY_IMPORT))
      for (const part of may) expect(MAY_IMPORT).toHaveProperty([part])
    expect(partOf('core/peer.ts')).toBe('core/peer')
    expect(partOf('core/network/encrypters.ts')).toBe('core/network/encrypters.ts')
    expect(partOf('core/network/host.ts')).toBe('core/network')
  })
})

describe('rings', () => {
  const ring = [
    toSource('core/pin/a.ts', `import { b } from './b.ts'`),
    toSource('core/pin/b.ts', `import type { C } from './c.ts'`),
    toSource('core/pin/c.ts', `import { a } from './a.ts'`),
  ]
  test('are found through any number of files', () => {
    expect(cycles(ring)).toEqual(['core/pin/a.ts → core/pin/b.ts → core/pin/c.ts → core/pin/a.ts'])
  })
  test('are not seen where two ways lead to one file', () => {
    const diamond = [...ring.slice(0, 2), toSource('core/pin/d.ts', `import './b.ts'\nimport './a.ts'`)]
    expect(cycles(diamond)).toEqual([])
  })
})

describe('eager loads', () => {
  const main = (text: string) => [
    toSource('cli/main.ts', text),
    toSource('core/network/host.ts', `import { createLibp2p } from 'libp2p'`),
  ]
  test('are found through other files, with the way there', () => {
    expect(eagerLoads(main(`import { host } from '../core/network/host.ts'`))).toEqual([
      'cli/main.ts → core/network/host.ts → libp2p',
    ])
    expect(eagerLoads([toSource('commands/id.ts', `import { x } from '@libp2p/tcp'`)])).toHaveLength(1)
  })
  test('are not seen behind a lazy import or a type', () => {
    expect(eagerLoads(main(`const { host } = await import('../core/network/host.ts')`))).toEqual([])
    expect(eagerLoads(main(`import type { Host } from '../core/network/host.ts'`))).toEqual([])
  })
})

describe('forbidden code', () => {
  const complaints = (path: string, text: string) => bannedCode([toSource(path, text)])

  test.each([
    'export const a = () => Date.now()',
    'export const a = () => new Date()',
    'export const a = () => performance.now()',
    'export const a = () => Math.random()',
    'export const a = () => crypto.getRandomValues(new Uint8Array(8))',
    'export const a = () => setTimeout(() => {}, 1)',
    'export const a = () => setInterval(() => {}, 1)',
    `export const a = () => fetch('x')`,
    'export const a = (b: Uint8Array) => crypto.subtle.digest("SHA-256", b)',
    'export const a = () => Bun.nanoseconds()',
    'export const a = () => process.env.A',
  ])('is found in the pure parts only: %s', (text) => {
    for (const part of ['pin', 'crdt', 'tracker', 'allocator']) {
      expect(complaints(`core/${part}/x.ts`, text)).toHaveLength(1)
    }
    expect(complaints('core/network/x.ts', text)).toEqual([])
  })
  test('is left alone in comments and types', () => {
    expect(complaints('core/pin/x.ts', '// not Date.now()\nexport type A = typeof fetch')).toEqual([])
  })
  test('is found where a part of core talks to the terminal or ends the process', () => {
    expect(complaints('core/api/x.ts', 'console.log(1)')).toHaveLength(1)
    expect(complaints('core/api/x.ts', 'process.stdout.write("1")')).toHaveLength(1)
    expect(complaints('core/api/x.ts', 'process.exit(1)')).toHaveLength(1)
    expect(complaints('commands/id.ts', 'process.exit(1)')).toHaveLength(1)
    expect(complaints('cli/main.ts', 'process.exit(1)')).toEqual([])
  })
  test.each(['only', 'todo', 'skip'])('is found in tests that leave tests out by .%s', (way) => {
    expect(complaints('test/unit/x.test.ts', ['test', `${way}("a", () => {})`].join('.'))).toHaveLength(1)
    expect(complaints('test/unit/x.test.ts', `test.${way}If(true)("a", () => {})`)).toEqual([])
  })
  test('is found in Workers that the build does not find', () => {
    const worker = (url: string) => complaints('core/store/x.ts', `export const w = () => new Worker(${url})`)
    expect(worker("new URL('./x-worker.ts', import.meta.url)")).toEqual([])
    expect(worker("new URL('./x-worker.ts', import.meta.url), { name: 'x' }")).toEqual([])
    expect(worker("new URL('./x.ts', import.meta.url)")).toHaveLength(1)
    expect(worker("'./x-worker.ts'")).toHaveLength(1)
  })
  test('is found in default exports outside of commands', () => {
    expect(complaints('core/pin/x.ts', 'export default {}')).toHaveLength(1)
    expect(complaints('core/pin/x.ts', 'const a = 1\nexport { a as default }')).toHaveLength(1)
    expect(complaints('commands/id.ts', 'export default {}')).toEqual([])
  })
  test('is found in state of a module', () => {
    expect(complaints('core/api/x.ts', 'let count = 0\nexport const next = () => count++')).toHaveLength(1)
    expect(complaints('core/store/x-worker.ts', 'let count = 0\nself.onmessage = () => count++')).toEqual([])
    expect(
      complaints('core/api/x.ts', 'export const next = () => {\n  let count = 0\n  return ++count\n}'),
    ).toEqual([])
  })
})

describe('other rules', () => {
  test('pure parts import no built-in module', () => {
    const complaints = (path: string, text: string) => platformInPureParts([toSource(path, text)])
    expect(complaints('core/crdt/x.ts', `import { readFileSync } from 'node:fs'`)).toHaveLength(1)
    expect(complaints('core/tracker/x.ts', `import type { Database } from 'bun:sqlite'`)).toHaveLength(1)
    expect(complaints('core/store/x.ts', `import { Database } from 'bun:sqlite'`)).toEqual([])
  })
  test('names that say nothing or are not kebab-case are found', () => {
    expect(badNames(['core/pin/utils.ts', 'core/helpers/x.ts', 'core/pin/PinInfo.ts'])).toHaveLength(3)
    expect(badNames(['core/pin/pin-info.ts', 'test/unit/pin/pin.test.ts', 'README.md'])).toEqual([])
  })
  test('files of more than 450 lines are found', () => {
    const lines = (count: number) => toSource('core/pin/x.ts', '//\n'.repeat(count))
    expect(longFiles([lines(450)])).toEqual([])
    expect(longFiles([lines(451)])).toHaveLength(1)
  })
  test('marks of unfinished work and places of one machine are found', () => {
    const complaints = (text: string) => strayWords([{ path: 'docs/x.md', text }])
    expect(complaints(`later: ${'TO' + 'DO'} this`)).toHaveLength(1)
    expect(complaints(`see ${['', 'root', 'x'].join('/')}`)).toHaveLength(1)
    expect(complaints(`see '${['', 'work', 'x'].join('/')}'`)).toHaveLength(1)
    expect(complaints(`from https://${['registry', 'npmjs', 'org'].join('.')}`)).toHaveLength(1)
    expect(complaints('see docs/work/x and the $bunfs/root/x of an executable')).toEqual([])
  })
  test('links to nothing are found', () => {
    const text = '[a](limits.md#x) [b](gone.md) [c](https://example.org) [d](#here)'
    expect(deadLinks([{ path: 'docs/x.md', text }], (path) => path === 'docs/limits.md')).toHaveLength(1)
  })
  test('a pointer to a page or a section of docs/spec/ that does not exist is found', () => {
    const read = (path: string) =>
      path === 'docs/spec/wire.md' ? '# Wire\n## 1. Host\n### 1.2 Keys\n' : undefined
    const complaints = (text: string) => deadSpecPointers([{ path: 'core/x.ts', text }], read)
    const [good, page, section] = [
      '`spec/wire.md` §1, §1.2',
      '`sp' + 'ec/no.md` §1',
      '`sp' + 'ec/wire.md` §1, §2',
    ]
    expect(complaints(good!)).toEqual([])
    expect(complaints(page!)).toHaveLength(1)
    expect(complaints(section!)).toEqual(['core/x.ts points to docs/spec/wire.md §2, which does not exist'])
  })
  test('rows of another table are found', () => {
    const text = '| a | b |\n|---|---|\n| `x` | 1 |\n| `y \\| z` | 2 |\n| `w` | 3 | more |\n\n| c |\n|---|\n'
    expect(unevenRows([{ path: 'docs/x.md', text }])).toEqual(['docs/x.md:5 has 3 cells in a table of 2'])
  })
  test('packages that are not declared, not used or used by tests only are found', () => {
    const list = { dependencies: { '@ipld/car': '1', zod: '1' }, devDependencies: { 'fast-check': '1' } }
    const text = `import { x } from '@ipld/car/reader'\nimport fc from 'fast-check'\nimport { y } from 'node:fs'`
    expect(strayPackages([toSource('core/adder/x.ts', text)], list)).toEqual([
      'core/adder/x.ts imports fast-check, which package.json lacks',
      'nothing imports the dependency zod',
    ])
    expect(
      strayPackages([toSource('test/laws/x.test.ts', `import fc from 'fast-check'`)], {
        devDependencies: list.devDependencies,
      }),
    ).toEqual([])
  })
  test('packages without a reason and reasons without a package are found', () => {
    const list = { dependencies: { zod: '1', hono: '1' } }
    const document =
      '| package | why |\n|---|---|\n| `zod` | checks input |\n| `hono` |  |\n| `left-pad` | old |\n'
    expect(unexplainedPackages(list, document)).toHaveLength(2)
  })
  test('bounds in docs that the code does not have are found', () => {
    const read = () =>
      'export const A = 4 * 1024 * 1024\nconst b: Limits = {\n  size: 30_000,\n}\nconst C = 2n ** 3n - 1n'
    const row = (bound: string, name: string) =>
      wrongLimits(`| x | ${bound} | \`core/x.ts\` \`${name}\` |`, read)
    expect([row('4 MiB', 'A'), row('30 s', 'size'), row('30,000', 'size'), row('7', 'C')].flat()).toEqual([])
    expect(row('2 MiB', 'A')).toHaveLength(1)
    expect(row('3 s', 'size')).toHaveLength(1)
    expect(row('much', 'A')).toHaveLength(1)
    expect(row('4 MiB', 'gone')).toHaveLength(1)
    expect(wrongLimits('no table', read)).toHaveLength(1)
  })
  test('settings that the documents lack, repeat, invent or get wrong are found', () => {
    const defaults = new Map([
      ['a.b', '15s'],
      ['a.c', ''],
      ['a.d', 'x'],
    ])
    const good = '| `a.b` | `15s` | what |\n| `a.c` | none | |\n- `a.d`\n'
    expect(wrongSettings(good, defaults)).toEqual([])
    expect(wrongSettings(good.replace('15s', '16s'), defaults)).toHaveLength(1)
    expect(wrongSettings(good.replace('- `a.d`', ''), defaults)).toHaveLength(1)
    expect(wrongSettings(`${good}- \`a.b\`\n`, defaults)).toHaveLength(1)
    expect(wrongSettings(`${good}- \`a.e\`\n`, defaults)).toHaveLength(1)
    expect(defaultsOfCode().get('cluster.pubsub.heartbeat_interval')).toBe('10s')
  })
  test('rows without a test, or with one that is not there, are found', () => {
    const read = (path: string) => (path === 'test/a.test.ts' ? "test('does it', () => {})" : undefined)
    const head = '| the original | here | test |\n|---|---|---|\n'
    expect(unprovenRows(`${head}| x | y | \`test/a.test.ts\` does it |\n`, read)).toEqual([])
    expect(unprovenRows(`${head}| x | y | \`test/a.test.ts\` |\n`, read)).toEqual([])
    expect(unprovenRows(`${head}| x | y | \`test/a.test.ts\` does that |\n`, read)).toHaveLength(1)
    expect(unprovenRows(`${head}| x | y | \`test/b.test.ts\` |\n`, read)).toHaveLength(1)
    expect(unprovenRows(`${head}| x | y | soon |\n`, read)).toHaveLength(1)
    const numbered = `${head.replace('| the', '| no. | the')}| 7 | x | y |`
    expect(unprovenRows(`${numbered} \`test/a.test.ts\` does it |\n`, read)).toEqual([])
    expect(unprovenRows(`${numbered} soon |\n`, read)).toHaveLength(1)
  })
  test('weaknesses that nothing is said of are found', () => {
    const lines = Array.from({ length: 42 }, (_, index) =>
      index < 20 ? `| ${index + 1} | x |` : `- ${index + 1}: x`,
    )
    expect(missingWeaknesses(lines.join('\n'))).toEqual([])
    expect(missingWeaknesses(lines.toSpliced(30, 1, '- 31:').join('\n'))).toHaveLength(1)
    expect(missingWeaknesses('')).toHaveLength(42)
  })
  test('routes are read from the code and from the document', () => {
    expect(routesOfCode()).toContain('POST /pins/:namespace/:path')
    expect(routesOfDocument('| `GET /b` | x |\n| `GET /a/:c` | y |\n`GET /d`\n')).toEqual([
      'GET /a/:c',
      'GET /b',
    ])
  })
})

test('a test that docs/limits.md names for a bound must be there, and so must the row of the bound', () => {
  const row = '| size | 1 KiB | `core/x.ts` `most` |\n'
  const read = () => "test('is kept', () => {})"
  const shown = (path: string, name: string) =>
    `${row}| \`${path}\` \`most\` | \`test/x.test.ts\` ${name} |\n`
  expect(unshownLimits(shown('core/x.ts', 'is kept'), read)).toEqual([])
  expect(unshownLimits(shown('core/x.ts', 'is gone'), read)).toHaveLength(1)
  expect(unshownLimits(shown('core/y.ts', 'is kept'), read)).toHaveLength(1)
  expect(unshownLimits(row, read)).toHaveLength(1)
})
