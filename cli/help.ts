/** The texts of `--help`. */
import type { Command } from '../commands/command.ts'
import { type Declarations, type FlagDeclaration, isArgument } from '../commands/declaration.ts'
import { exitCodeMeanings, exitCodes } from './exit-codes.ts'
import { type CommandGroup, globalFlags, shortGlobals } from './globals.ts'
import { type CommandChildren, type CommandLeaf, programName } from './tree-node.ts'

/** Help of the program (an empty path), or of a folder of commands. */
export function folderHelp(
  path: string[],
  { children, bare }: { children: CommandChildren; bare?: CommandLeaf | undefined },
  summary: string,
): string {
  const name = [programName, ...path].join(' ')
  const blocks = [
    summary,
    `Usage: ${name} [flags] ${bare === undefined ? '<command>' : '[command]'}`,
    block('Commands', [
      ...(bare === undefined ? [] : [['(none)', bare.summary] as const]),
      ...Object.entries(children).map(([word, node]) => [word, node.summary] as const),
    ]),
  ]
  if (path.length === 0) blocks.push(globalsBlock(undefined), exitCodeBlock())
  blocks.push(`"${name} <command> --help" tells more of a command.`)
  return blocks.join('\n\n')
}

export function commandHelp(path: string[], leaf: CommandLeaf, { declared }: Command): string {
  const name = [programName, ...path].join(' ')
  const entries = Object.entries(declared.args)
  const positionals = entries.flatMap(([word, each]) => (isArgument(each) ? [{ word, each }] : []))
  const flags = entries.flatMap(([word, each]) => (isArgument(each) || each.hidden ? [] : [{ word, each }]))
  const usage = positionals.map(({ word, each }) => {
    const hint = `${each.hint ?? word}${each.many ? '…' : ''}`
    return each.required ? `<${hint}>` : `[${hint}]`
  })
  const blocks = [
    leaf.summary,
    `Usage: ${[name, ...(flags.length > 0 ? ['[flags]'] : []), ...usage].join(' ')}`,
  ]
  if (declared.details !== undefined) blocks.push(declared.details)
  if (positionals.length > 0) {
    blocks.push(
      block(
        'Arguments',
        positionals.map(({ word, each }) => [each.hint ?? word, each.description]),
      ),
    )
  }
  if (flags.length > 0) {
    blocks.push(
      block(
        'Flags',
        flags.map(({ word, each }) => [flagNames(word, each.alias ?? [], each), described(each)]),
      ),
    )
  }
  blocks.push(globalsBlock(leaf.group, declared.args))
  blocks.push(
    ['Examples:', ...declared.examples.map(([line, does]) => `  ${line}\n      ${does}`)].join('\n'),
  )
  return blocks.join('\n\n')
}

/** Without a group the one-letter names are left out: they depend on the command. */
function globalsBlock(group: CommandGroup | undefined, own: Declarations = {}): string {
  const taken = new Set(
    Object.entries(own).flatMap(([word, each]) => [word, ...(isArgument(each) ? [] : (each.alias ?? []))]),
  )
  const rows = Object.entries<FlagDeclaration>(globalFlags).flatMap(([word, each]): [string, string][] => {
    if (each.hidden || taken.has(word)) return []
    const shorts = Object.entries(group === undefined ? {} : shortGlobals[group])
      .filter(([short, long]) => long === word && !taken.has(short))
      .map(([short]) => short)
    return [[flagNames(word, [...shorts, ...(each.alias ?? [])], each), described(each)]]
  })
  return block(
    group === undefined ? 'Flags of every command' : 'Flags of every command, also before it',
    rows,
  )
}

function exitCodeBlock(): string {
  const rows = Object.entries(exitCodes).map(([name, code]): [string, string] => [
    String(code),
    exitCodeMeanings[name as keyof typeof exitCodes],
  ])
  return block('Exit codes', rows)
}

function flagNames(word: string, aliases: readonly string[], declared: FlagDeclaration): string {
  const shorts = aliases.filter((alias) => alias.length === 1).map((alias) => `-${alias}`)
  const longs = aliases.filter((alias) => alias.length > 1).map((alias) => `--${alias}`)
  const names = [...shorts, `--${word}`, ...longs].join(', ')
  if (declared.type === 'boolean') return names
  return `${names} <${declared.hint ?? declared.options?.join('|') ?? kindHint[declared.type]}>`
}

const kindHint = { string: 'text', integer: 'n', duration: 'duration' } as const

function described(declared: FlagDeclaration): string {
  const { description, default: initial } = declared
  const told = initial === undefined || initial === '' || initial === 0 ? '' : ` (${initial})`
  return `${description}${told}${declared.repeatable ? '; may be repeated' : ''}`
}

function block(title: string, rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(30, Math.max(...rows.map(([left]) => left.length)))
  const lines = rows.map(([left, right]) =>
    left.length > width
      ? `  ${left}\n  ${' '.repeat(width)}  ${right}`
      : `  ${left.padEnd(width)}  ${right}`.trimEnd(),
  )
  return [`${title}:`, ...lines].join('\n')
}
