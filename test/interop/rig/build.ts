/** Builds the Go programs of the interop tests ahead of the tests: `bun test/interop/rig/build.ts`. */
import { dirname } from 'node:path'
import { goBinaries } from './binaries.ts'

const binaries = await goBinaries((line) => console.error(line))
if (binaries.path === undefined) {
  console.error(`no Go programs, the tests that need them are skipped: ${binaries.missing}`)
} else {
  console.error(`Go programs: ${dirname(binaries.path.ipfs)}`)
}
