/** `cluster commands`. */
import { type Command, command } from '../commands/command.ts'
import { type CommandChildren, commandPaths, programName } from './tree-node.ts'

export function listCommands(tree: CommandChildren): Command {
  return command({
    args: {},
    examples: [['cluster commands', 'lists every command that there is']],
    async run({ session }) {
      const names = [...commandPaths(tree)].map((path) => [programName, ...path].join(' '))
      await session.print(names, () => `${names.join('\n')}\n`)
    },
  })
}
