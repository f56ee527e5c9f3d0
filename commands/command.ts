/**
 * How a command is declared: a citty command with flags of more kinds than citty's (whole numbers, durations, repeated
 * ones) and examples. `cli/argv.ts` parses by this declaration and hands the values over, so that flags are accepted
 * before and after arguments and mistakes are answered with a suggestion.
 */
import { type ArgsDef, type CommandDef, defineCommand } from 'citty'
import { type Declarations, isArgument, type ParsedValues } from './declaration.ts'
import type { Session } from './session.ts'

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
