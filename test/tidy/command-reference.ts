/**
 * The part of `docs/commands.md` that follows from the commands themselves: their help texts, one after the other.
 *
 *   bun test/tidy/command-reference.ts      writes it anew
 */
import { join } from 'node:path'
import { commandHelp, folderHelp } from '../../cli/help.ts'
import { programSummary, tree } from '../../cli/tree.ts'
import { commandPaths, leafAt, programName } from '../../cli/tree-node.ts'
import { TOP } from './sources.ts'

export const COMMANDS_DOCUMENT = join(TOP, 'docs/commands.md')
const MARK = '<!-- What follows is written by test/tidy/command-reference.ts -->'

/** What `docs/commands.md` has to be, given what it is. */
export async function withReference(document: string): Promise<string> {
  const written = document.indexOf(MARK)
  if (written < 0) throw new Error(`docs/commands.md lacks the line ${MARK}`)
  return `${document.slice(0, written)}${MARK}\n\n${await reference()}`
}

async function reference(): Promise<string> {
  const parts = [entry(programName, folderHelp([], { children: tree }, programSummary))]
  for (const path of commandPaths(tree)) {
    const leaf = leafAt(tree, path)
    const help = commandHelp(path, leaf, await leaf.load())
    // The flags of every command are in the first entry.
    const own = help.split('\n\n').filter((block) => !block.startsWith('Flags of every command'))
    parts.push(entry([programName, ...path].join(' '), own.join('\n\n')))
  }
  return parts.join('\n')
}

function entry(title: string, help: string): string {
  return `## ${title}\n\n\`\`\`text\n${help}\n\`\`\`\n`
}

if (import.meta.main) {
  await Bun.write(COMMANDS_DOCUMENT, await withReference(await Bun.file(COMMANDS_DOCUMENT).text()))
}
