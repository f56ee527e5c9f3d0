/**
 * The entry point. What is imported here is loaded for every command and for `--help`, so it is only what finds a command;
 * the rest comes when it is needed.
 */

import type { Route } from './route.ts'
import { routeOf } from './route.ts'
import { programSummary, tree } from './tree.ts'

export async function main(argv: readonly string[]): Promise<number> {
  let route: Route
  try {
    route = routeOf(tree, argv)
  } catch (error) {
    const { processStreams, reportError } = await import('./report-error.ts')
    return reportError(error, { encoding: 'text', debug: false, ...processStreams })
  }
  if (route.kind === 'command') {
    const { runRoutedCommand } = await import('./run-command.ts')
    return runRoutedCommand(route)
  }
  return route.kind === 'version' ? showVersion() : showHelp(route)
}

async function showVersion(): Promise<number> {
  const { buildInfo } = await import('../core/runtime/build-info.ts')
  console.log(`cluster version ${buildInfo.version}`)
  return 0
}

async function showHelp({ path, children, bare }: Route & { kind: 'help' }): Promise<number> {
  const { folderHelp } = await import('./help.ts')
  console.log(folderHelp(path, { children, bare }, programSummary))
  return 0
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)))
