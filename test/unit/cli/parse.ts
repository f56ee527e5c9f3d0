/** Parses a command line through the real tree, as the program does. */
import { type Parsed, parseArgv } from '../../../cli/argv.ts'
import { routeOf } from '../../../cli/route.ts'
import { tree } from '../../../cli/tree.ts'

/** `line` is split at blanks; quotes are no quotes. */
export async function parse(line: string): Promise<Parsed & { path: string }> {
  const argv = line.split(' ').filter((word) => word !== '')
  const route = routeOf(tree, argv)
  if (route.kind !== 'command') throw new Error(`${line} is no command but ${route.kind}`)
  const { declared } = await route.leaf.load()
  const path = route.path.join(' ')
  const { before, after, leaf } = route
  const parsed = parseArgv({
    commandName: `cluster ${path}`,
    declared: declared.args,
    group: leaf.group,
    before,
    after,
  })
  return { ...parsed, path }
}
