/**
 * The house rules that one file can break by itself. Each takes what it looks at and gives its complaints.
 */
import type { Source } from './sources.ts'

const PURE = /^core\/(pin|crdt|tracker|allocator|upkeep)\//
const CORE = /^core\//
/** A Worker's entry file is the one object that its thread has. */
const MODULES = /^core\/(?!.*-worker\.ts$)/

/** Something that code must not do, where it must not, and where to turn instead. */
interface Ban {
  readonly where: RegExp
  readonly what: RegExp
  readonly instead: string
}

const BANS: readonly Ban[] = [
  { where: PURE, what: /\bDate\.now\b|\bnew Date\b(\(\))?(?!\()/, instead: 'the Clock port' },
  { where: PURE, what: /\bperformance\.now\b/, instead: 'the Clock port' },
  {
    where: PURE,
    what: /\bMath\.random\b|\bcrypto\.(getRandomValues|randomUUID)\b/,
    instead: 'the Random port',
  },
  { where: PURE, what: /\b(setTimeout|setInterval|setImmediate)\b/, instead: 'the Scheduler port' },
  { where: PURE, what: /\bfetch\(/, instead: 'the interface of what is needed' },
  { where: PURE, what: /\bcrypto\.subtle\b/, instead: 'a synchronous hash' },
  { where: PURE, what: /\bBun\.|\bprocess\./, instead: 'a parameter' },
  { where: CORE, what: /\bconsole\./, instead: 'a Logger, or a result' },
  { where: CORE, what: /\bprocess\.(argv|stdout|stdin)\b/, instead: 'a parameter, or a result' },
  {
    where: CORE,
    what: /\bnew Worker\((?!\s*new URL\("\.[^"]*-worker\.ts", import\.meta\.url\))/,
    instead: "new Worker(new URL('./x-worker.ts', import.meta.url)), which the build finds",
  },
  { where: /^(core|commands)\//, what: /\bprocess\.exit\(/, instead: 'an error' },
  { where: /^test\//, what: /\b(test|it|describe)\.(only|todo)\(/, instead: 'a test that runs' },
  {
    where: /^test\/(?!interop\/rig\/)/,
    what: /\b(test|it|describe)\.skip\(/,
    instead: 'skipIf, with a reason',
  },
  { where: /^(core|cli)\//, what: /^export default\b|\bas default\b/m, instead: 'a named export' },
  { where: MODULES, what: /^(export )?(let|var)\b/m, instead: 'state that an object owns' },
]

/** Uses of what the place forbids. */
export function bannedCode(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, code }) =>
    BANS.filter(({ where, what }) => where.test(path) && what.test(code)).map(
      ({ what, instead }) => `${path} uses ${code.match(what)![0]}; use ${instead}`,
    ),
  )
}

/** Built-in modules of the platform inside the pure parts. */
export function platformInPureParts(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ specifier }) => PURE.test(path) && /^(node:|bun:|bun$)/.test(specifier))
      .map(({ specifier }) => `${path} imports ${specifier}; pure parts go through the ports`),
  )
}

const EMPTY_NAMES = /^(utils?|helpers?|common|misc|shared|lib|stuff)$/
const KEBAB = /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/

/** Names that say nothing, or say it in another spelling than the rest. */
export function badNames(paths: readonly string[]): string[] {
  const complaints: string[] = []
  for (const path of paths) {
    const parts = path.split('/')
    const file = parts.at(-1)!
    if (file.endsWith('.ts') && !KEBAB.test(file)) complaints.push(`${path}: file names are kebab-case`)
    const empty = parts.find((part) => EMPTY_NAMES.test(part.replace(/\..*$/, '')))
    if (empty !== undefined) complaints.push(`${path}: "${empty}" does not say what is inside`)
  }
  return complaints
}

/** Lines a file may have before it surely holds more than one concept. */
const MAX_LINES = 450

export function longFiles(sources: readonly Source[]): string[] {
  return sources
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > MAX_LINES)
    .map(({ path, lines }) => `${path} has ${lines} lines, more than ${MAX_LINES}: split it by concept`)
}

/** Spelt in parts, as these rules look at their own file too. */
const MARKS = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`)
/** Folders only where a path begins: an executable's inner file system has a folder of that name too. */
const PLACES = [
  /(?<![\w$./-])\/(work|root)\//,
  new RegExp(['registry', 'npmjs', 'org'].join('\\.')),
  new RegExp(['proxy', 'golang', 'org'].join('\\.')),
]

/** Marks of unfinished work, and places that exist on one machine only. */
export function strayWords(files: readonly { path: string; text: string }[]): string[] {
  return files.flatMap(({ path, text }) => {
    const mark = text.match(MARKS)?.[0]
    const place = PLACES.map((pattern) => text.match(pattern)?.[0]).find((found) => found !== undefined)
    return [
      ...(mark === undefined ? [] : [`${path}: ${mark} marks unfinished work; finish it or leave it out`]),
      ...(place === undefined ? [] : [`${path}: ${place} is a place of one machine or service`]),
    ]
  })
}
