/** Walks over DAGs of strangers leave the event loop its turns, and the process its memory. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { temporaryFolder } from '../unit/ipfs/embedded-node.ts'
import type { WalkReport } from './dag-walkers.ts'
import { hostileDags } from './dags.ts'

/** ms of processor time without a turn, and bytes above the idle process, that no walk may exceed. */
const maxWithoutTurn = 50
const maxMemory = 100 * 1024 * 1024

describe('every walker of the embedded node', () => {
  let reports: WalkReport[] = []
  let folder: Awaited<ReturnType<typeof temporaryFolder>>

  beforeAll(async () => {
    folder = await temporaryFolder()
    const child = Bun.spawn(['bun', join(import.meta.dir, 'dag-walkers.ts'), folder.path], {
      stdout: 'pipe',
      stderr: 'inherit',
    })
    const output = await new Response(child.stdout).text()
    expect(await child.exited).toBe(0)
    reports = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  }, 300_000)
  afterAll(() => folder[Symbol.asyncDispose]())

  for (const dag of Object.keys(hostileDags)) {
    test(`pauses and keeps its memory in ${dag}`, () => {
      const ofDag = reports.filter((report) => report.dag === dag)
      expect(ofDag.length).toBeGreaterThan(8)
      expect(ofDag.filter(({ withoutTurn }) => withoutTurn > maxWithoutTurn)).toEqual([])
      expect(ofDag.filter(({ memory }) => memory > maxMemory)).toEqual([])
    })
  }
})
