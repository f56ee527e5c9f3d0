/** A group of tests that needs the Go programs. Without them it shows as one skipped test whose name says why. */
import { describe, test } from 'bun:test'
import { type GoBinaries, goBinaries } from './binaries.ts'

export type FoundBinaries = Extract<GoBinaries, { missing?: never }>

export async function describeWithGo(name: string, tests: (binaries: FoundBinaries) => void): Promise<void> {
  const binaries = await goBinaries((line) => console.error(line))
  if (binaries.path === undefined) {
    test.skip(`${name} (skipped: ${binaries.missing})`, () => undefined)
    return
  }
  describe(name, () => tests(binaries))
}
