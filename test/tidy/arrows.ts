/**
 * Which part of the project may import which: the arrows go one way, from the command line down to the Pin model.
 */
import type { Source } from './sources.ts'

/** The parts, by the folder or file that they live in. The longest that fits a path is its part. */
const PIN = 'core/pin'
const RUNTIME = 'core/runtime'
const GROUND = [PIN, RUNTIME]
/** Decisions without I/O; they know no other part, nor each other. */
const PURE = ['core/crdt', 'core/tracker', 'core/allocator', 'core/monitor', 'core/upkeep']
/** The cluster's libp2p host and the embedded node's are two; how they encrypt and exchange blocks is the same for both. */
const ENCRYPTERS = 'core/network/encrypters.ts'
const BITSWAP = 'core/network/bitswap.ts'
/** Bounds that both hosts keep. */
const LIBP2P = 'core/libp2p'
const SERVICES = ['core/api', 'core/adder', 'core/network', 'core/ipfs', 'core/store']

/** Part → the parts that it may import. Every part may import itself. */
export const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  [PIN]: [],
  [RUNTIME]: [],
  ...each(PURE, GROUND),
  [ENCRYPTERS]: GROUND,
  [LIBP2P]: GROUND,
  [BITSWAP]: [LIBP2P, ...GROUND],
  ...each(SERVICES, [...PURE, ...GROUND]),
  'core/network': [ENCRYPTERS, BITSWAP, LIBP2P, ...PURE, ...GROUND],
  'core/ipfs': [ENCRYPTERS, BITSWAP, LIBP2P, ...PURE, ...GROUND],
  'core/config': GROUND,
  'core/client': GROUND,
  'core/local': ['core/config', 'core/store', ...PURE, ...GROUND],
  'core/peer': [...SERVICES, 'core/config', ...PURE, ...GROUND],
  commands: ['core/client', 'core/local', 'core/peer', ...GROUND],
  cli: ['commands', 'core/client', 'core/local', ...GROUND],
}

/** What a part may know of another as types only: the shape, never the code. */
export const MAY_IMPORT_TYPES: Readonly<Record<string, readonly string[]>> = {
  [RUNTIME]: [PIN],
  'core/api': ['core/adder'],
}

/** Own files outside of these parts that anything may import. */
const SHARED = new Set(['package.json', 'core/error-text.ts'])

/** The part of a file; undefined for tests, which may import everything. */
export function partOf(path: string): string | undefined {
  // `core/peer.ts` and `core/peer/` are one part.
  if (path === 'core/peer.ts') return 'core/peer'
  return Object.keys(MAY_IMPORT)
    .filter((part) => path === part || path.startsWith(`${part}/`))
    .sort((a, b) => b.length - a.length)[0]
}

/** Imports that go back, or across. */
export function wrongArrows(sources: readonly Source[]): string[] {
  const complaints: string[] = []
  for (const { path, imports } of sources) {
    const from = partOf(path)
    if (from === undefined) {
      if (!path.startsWith('test/') && !SHARED.has(path))
        complaints.push(`${path} is in no known part of the layout`)
      continue
    }
    for (const { file, kind } of imports) {
      if (file === undefined || SHARED.has(file)) continue
      const to = partOf(file)
      const allowed = to !== undefined && (to === from || MAY_IMPORT[from]!.includes(to))
      const allowedAsType = kind === 'type' && to !== undefined && MAY_IMPORT_TYPES[from]?.includes(to)
      if (!allowed && !allowedAsType)
        complaints.push(`${path} imports ${file}: ${from} may not know ${to ?? 'tests'}`)
    }
  }
  return complaints
}

/** Rings of files that import each other, types included; one complaint a ring. */
export function cycles(sources: readonly Source[]): string[] {
  const targets = new Map(
    sources.map(({ path, imports }) => [path, imports.flatMap(({ file }) => file ?? [])]),
  )
  const done = new Set<string>()
  const complaints: string[] = []
  const visit = (path: string, way: string[]) => {
    const start = way.indexOf(path)
    if (start >= 0) {
      complaints.push([...way.slice(start), path].join(' → '))
      return
    }
    if (done.has(path)) return
    for (const next of targets.get(path) ?? []) visit(next, [...way, path])
    done.add(path)
  }
  for (const path of targets.keys()) visit(path, [])
  return complaints
}

/** Slow to load: never a part of what `--help` or a client command loads. */
const HEAVY = /^(libp2p|helia|@libp2p\/|@helia\/|@chainsafe\/libp2p-)/
/** The commands that are a peer, or make the keys of one. */
const HEAVY_COMMANDS = new Set<string>()

/** Chains of static imports by which the entry point or a command loads libp2p or helia. */
export function eagerLoads(sources: readonly Source[]): string[] {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const complaints: string[] = []
  for (const { path } of sources) {
    if ((path !== 'cli/main.ts' && !path.startsWith('commands/')) || HEAVY_COMMANDS.has(path)) continue
    const ways = [[path]]
    const seen = new Set([path])
    for (let way = ways.pop(); way !== undefined; way = ways.pop()) {
      for (const { specifier, file, kind } of byPath.get(way.at(-1)!)?.imports ?? []) {
        if (kind !== 'static') continue
        if (HEAVY.test(specifier)) complaints.push([...way, specifier].join(' → '))
        if (file === undefined || seen.has(file)) continue
        seen.add(file)
        ways.push([...way, file])
      }
    }
  }
  return complaints
}

function each(parts: readonly string[], may: readonly string[]): Record<string, readonly string[]> {
  return Object.fromEntries(parts.map((part) => [part, may]))
}
