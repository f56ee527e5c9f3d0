/**
 * How a command is declared: a citty command with flags of more kinds than citty's (whole numbers, durations, repeated
 * ones) and examples. `cli/argv.ts` parses by this declaration and hands the values over, so that flags are accepted
 * before and after arguments and mistakes are answered with a suggestion.
 */
import { type ArgsDef, type CommandDef, defineCommand } from 'citty'
import type { Session } from './session.ts'

export interface FlagDeclaration {
  readonly type: 'string' | 'integer' | 'duration' | 'boolean'
  readonly description: string
  /** Other names, short or long; all work with one dash or two. */
  readonly alias?: readonly string[]
  /** How help names the value. */
  readonly hint?: string
  readonly default?: string | number
  /** The only values allowed. */
  readonly options?: readonly string[]
  /** May be given many times; the value is the list of all. */
  readonly repeatable?: true
  /** Accepted, but not in help. */
  readonly hidden?: true
}

export interface ArgumentDeclaration {
  readonly type: 'positional'
  readonly description: string
  readonly hint?: string
  readonly required?: true
  /** Takes all that follow. */
  readonly many?: true
}

/** By name in kebab case, arguments in their order. */
export type Declarations = Readonly<Record<string, FlagDeclaration | ArgumentDeclaration>>

/** By name in camelCase. Durations are in milliseconds. */
export type ParsedValues<D extends Declarations> = {
  -readonly [Name in keyof D as Camel<Name & string>]: ParsedValue<D[Name]>
}

type ParsedValue<D> = D extends { type: 'boolean' }
  ? boolean
  : D extends { repeatable: true } | { many: true }
    ? string[]
    : D extends { default: unknown } | { required: true }
      ? Given<D>
      : Given<D> | undefined

type Given<D> = D extends { type: 'integer' | 'duration' }
  ? number
  : D extends { options: readonly (infer Option)[] }
    ? Option
    : string

type Camel<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name

export interface CommandDeclaration<D extends Declarations> {
  readonly args: D
  /** What help says below the usage line; the one-line summary stands in the tree of commands. */
  readonly details?: string
  /** Whole command lines, each with what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[]
  run(invocation: { args: ParsedValues<D>; session: Session }): Promise<void>
}

export interface Command extends CommandDef {
  readonly declared: Pick<CommandDeclaration<Declarations>, 'args' | 'details' | 'examples'>
}

/** What citty hands to a command that `cli` runs. */
interface Invocation<D extends Declarations> {
  args: ParsedValues<D>
  session: Session
}

export function command<const D extends Declarations>(declared: CommandDeclaration<D>): Command {
  const citty = defineCommand({
    args: cittyArgs(declared.args),
    run: ({ data }) => declared.run(data as Invocation<D>),
  })
  return { ...citty, declared }
}

export function isArgument(declared: FlagDeclaration | ArgumentDeclaration): declared is ArgumentDeclaration {
  return declared.type === 'positional'
}

export function camelCase(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function cittyArgs(declared: Declarations): ArgsDef {
  const args: ArgsDef = {}
  for (const [name, each] of Object.entries(declared)) {
    const { description } = each
    if (isArgument(each)) args[name] = { type: 'positional', description, required: each.required ?? false }
    else {
      const type = each.type === 'boolean' ? 'boolean' : 'string'
      args[name] = { type, description, alias: [...(each.alias ?? [])] }
    }
  }
  return args
}
