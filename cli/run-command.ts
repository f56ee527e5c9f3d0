/** Loads a command, parses its arguments, runs it, and ends with its exit code. */
import { runCommand } from 'citty'
import { type GlobalValues, type Parsed, parseArgv } from './argv.ts'
import { exitCodes } from './exit-codes.ts'
import { Interruption } from './interruption.ts'
import { descriptorWriter, Output } from './output.ts'
import { processStreams, reportError } from './report-error.ts'
import type { Route } from './route.ts'
import { programName } from './tree-node.ts'

export async function runRoutedCommand(route: Route & { kind: 'command' }): Promise<number> {
  const output = new Output(descriptorWriter(1))
  using interruption = new Interruption((code) => process.exit(code))
  let globals: GlobalValues | undefined
  try {
    const command = await route.leaf.load()
    const parsed: Parsed = parseArgv({
      commandName: [programName, ...route.path].join(' '),
      declared: command.declared.args,
      group: route.leaf.group,
      before: route.before,
      after: route.after,
    })
    globals = parsed.globals
    if (globals.help) {
      const { commandHelp } = await import('./help.ts')
      await output.write(`${commandHelp(route.path, route.leaf, command)}\n`)
    } else {
      const { TerminalSession } = await import('./terminal-session.ts')
      const session = new TerminalSession({
        globals,
        environment: process.env,
        output,
        interruption,
        terminal: process,
      })
      // Parsed already: citty only runs it.
      await runCommand({ ...command, args: {} }, { rawArgs: [], data: { args: parsed.args, session } })
    }
    await output.flush()
    return exitCodes.done
  } catch (error) {
    await output.flush().catch(() => undefined)
    return reportError(error, {
      encoding: globals?.json || globals?.encoding === 'json' ? 'json' : 'text',
      debug: globals?.debug ?? false,
      ...processStreams,
    })
  }
}
