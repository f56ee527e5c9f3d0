/** Finds the command that arguments name, whatever global flags stand before it. */
import { UsageError } from '../commands/errors.ts'
import { UnknownCommandError } from './errors.ts'
import { globalFlags, shortGlobals } from './globals.ts'
import { nearest, nearestCommand } from './suggestion.ts'
import { type CommandChildren, type CommandLeaf, programName } from './tree-node.ts'

export type Route =
  | { kind: 'command'; path: string[]; leaf: CommandLeaf; before: string[]; after: string[] }
  /** Help of the program, or of a folder of commands. */
  | { kind: 'help'; path: string[]; children: CommandChildren; bare?: CommandLeaf | undefined }
  | { kind: 'version' }

/** Throws `UnknownCommandError` and `UsageError`, each with a suggestion where there is one. */
export function routeOf(root: CommandChildren, argv: readonly string[]): Route {
  const path: string[] = []
  const before: string[] = []
  let children = root
  let bare: CommandLeaf | undefined
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    if (word.startsWith('-') && word !== '-') {
      const name = word.replace(/^--?/, '').split('=')[0]!
      if (isVersion(name) && path.length === 0) return { kind: 'version' }
      const flag = leadingFlag(name)
      if (flag === 'help') return helpRoute(root, path, argv.slice(i + 1))
      before.push(word)
      if (globalFlags[flag].type !== 'boolean' && !word.includes('=') && i + 1 < argv.length)
        before.push(argv[++i]!)
      continue
    }
    if (word === 'help' || word === 'h') return helpRoute(root, path, argv.slice(i + 1))
    const child = childOf(root, children, path, word)
    path.push(word)
    if (child.kind === 'command')
      return { kind: 'command', path, leaf: child, before, after: argv.slice(i + 1) }
    ;({ children, bare } = child)
  }
  if (bare !== undefined) return { kind: 'command', path, leaf: bare, before, after: [] }
  return { kind: 'help', path, children }
}

/** `cluster help pin add`, `cluster pin help add`, `cluster --help pin add`. */
function helpRoute(root: CommandChildren, path: string[], rest: readonly string[]): Route {
  const words = [...path, ...rest.filter((word) => !word.startsWith('-'))]
  const walked: string[] = []
  let children = root
  let bare: CommandLeaf | undefined
  for (const word of words) {
    const child = childOf(root, children, walked, word)
    walked.push(word)
    if (child.kind === 'command') {
      return { kind: 'command', path: walked, leaf: child, before: ['--help'], after: [] }
    }
    ;({ children, bare } = child)
  }
  return { kind: 'help', path: walked, children, bare }
}

function childOf(root: CommandChildren, children: CommandChildren, path: string[], word: string) {
  if (Object.hasOwn(children, word)) return children[word]!
  const near = nearestCommand(root, path, word)
  const full = [programName, ...path].join(' ')
  const advice =
    near === undefined ? `see ${full} --help` : `did you mean "${[programName, ...near].join(' ')}"?`
  throw new UnknownCommandError(`unknown command "${full} ${word}"; ${advice}`)
}

function isVersion(name: string): boolean {
  return name === 'version' || name === 'v'
}

/** The global flag of a name before the command; only globals can stand there. */
function leadingFlag(name: string): keyof typeof globalFlags {
  if (Object.hasOwn(globalFlags, name)) return name as keyof typeof globalFlags
  if (name === 'enc') return 'encoding'
  const short = shortGlobals.client[name] ?? shortGlobals.local[name]
  if (short !== undefined) return short
  const near = nearest(name, Object.keys(globalFlags))
  throw new UsageError(
    `unknown flag -${name.length > 1 ? '-' : ''}${name} before a command` +
      (near === undefined ? '; flags of a command come after it' : `; did you mean --${near}?`),
  )
}
