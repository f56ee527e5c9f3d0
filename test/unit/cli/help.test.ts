import { describe, expect, test } from 'bun:test'
import { commandHelp, folderHelp } from '../../../cli/help.ts'
import { programSummary, tree } from '../../../cli/tree.ts'
import { commandPaths, leafAt } from '../../../cli/tree-node.ts'
import { parse } from './parse.ts'

const paths = [...commandPaths(tree)]

test('help of the program', () => {
  expect(folderHelp([], { children: tree }, programSummary)).toMatchSnapshot()
})

describe('help of each command', () => {
  test.each(paths.map((path) => [path.join(' '), path] as const))('%s', async (_name, path) => {
    const leaf = leafAt(tree, path)
    expect(commandHelp(path, leaf, await leaf.load())).toMatchSnapshot()
  })

  test.each(paths.map((path) => [path.join(' '), path] as const))(
    '%s: its examples can be typed',
    async (_name, path) => {
      const { declared } = await leafAt(tree, path).load()
      expect(declared.examples.length).toBeGreaterThan(0)
      for (const [line] of declared.examples) {
        const typed = /(?:^|\| |\s)cluster (.*?)(?: \||$)/.exec(line)?.[1]?.replace(/ > .*/, '')
        const parsed = await parse(typed!.replace(/<[^>]*>/g, 'x'))
        expect(parsed.path).toBe(path.join(' '))
      }
    },
  )
})

test('no two flags of a command share a name', async () => {
  for (const path of paths) {
    const { declared } = await leafAt(tree, path).load()
    const names = Object.entries(declared.args).flatMap(([name, each]) => [
      name,
      ...('alias' in each ? (each.alias ?? []) : []),
    ])
    expect(new Set(names).size).toBe(names.length)
  }
})
