/** The shape of the tree of commands: what it takes to list them and to find one, without loading any. */
import type { Command } from '../commands/command.ts'
import type { CommandGroup } from './globals.ts'

export interface CommandLeaf {
  readonly kind: 'command'
  readonly group: CommandGroup
  /** One line. */
  readonly summary: string
  load(): Promise<Command>
}

export interface CommandFolder {
  readonly kind: 'folder'
  readonly summary: string
  readonly children: CommandChildren
  /** What the folder's own name does, with no command after it. */
  readonly bare?: CommandLeaf
}

export type CommandChildren = Readonly<Record<string, CommandLeaf | CommandFolder>>

export const programName = 'cluster'

/** Every path that leads to a command, in the order of the tree. */
export function* commandPaths(children: CommandChildren, parents: string[] = []): Generator<string[]> {
  for (const [name, node] of Object.entries(children)) {
    const path = [...parents, name]
    if (node.kind === 'command' || node.bare !== undefined) yield path
    if (node.kind === 'folder') yield* commandPaths(node.children, path)
  }
}

/** The command that one of `commandPaths` leads to. */
export function leafAt(children: CommandChildren, [name = '', ...rest]: readonly string[]): CommandLeaf {
  const node = children[name]
  const leaf = node?.kind === 'folder' && rest.length === 0 ? node.bare : node
  if (leaf?.kind === 'command') return leaf
  if (leaf === undefined) throw new Error(`no command ${name}`)
  return leafAt(leaf.children, rest)
}
