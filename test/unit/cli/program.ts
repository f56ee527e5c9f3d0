/** Runs the program as users do: a process with arguments, files and streams. */
import { resolve } from 'node:path'

const main = resolve(import.meta.dir, '../../../cli/main.ts')

export interface Ran {
  code: number
  stdout: string
  stderr: string
}

export interface RunOptions {
  folder: string
  environment?: Record<string, string>
  /** A text, or a stream that may stay open. */
  stdin?: string | ReadableStream<Uint8Array>
  cwd?: string
}

export function start(args: string[], { folder, environment, stdin, cwd }: RunOptions) {
  return Bun.spawn([process.execPath, main, ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { PATH: process.env.PATH, HOME: process.env.HOME, IPFS_CLUSTER_PATH: folder, ...environment },
    stdin:
      stdin === undefined ? 'ignore' : typeof stdin === 'string' ? new TextEncoder().encode(stdin) : stdin,
    stdout: 'pipe',
    stderr: 'pipe',
  })
}

export async function run(args: string[], options: RunOptions): Promise<Ran> {
  const program = start(args, options)
  const [stdout, stderr, code] = await Promise.all([
    new Response(program.stdout).text(),
    new Response(program.stderr).text(),
    program.exited,
  ])
  return { code, stdout, stderr }
}
