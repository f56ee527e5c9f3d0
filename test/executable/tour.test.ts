/** Runs the five minutes of README.md word for word. Only the gateway's port is exchanged for one that was free. */
import { describe, expect, test } from 'bun:test'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { hasExecutable, PeerProcess, whyMissing } from './peer-process.ts'

const TOP = join(import.meta.dir, '../..')
const missing = whyMissing || (Bun.which('curl') === null ? ' (skipped: no curl)' : '')

describe.skipIf(!hasExecutable || missing !== '')(`the tour of the README${missing}`, () => {
  test('works as it is written', async () => {
    const readme = await Bun.file(join(TOP, 'README.md')).text()
    const tour = readme.slice(readme.indexOf('## Five minutes'), readme.indexOf('## Three peers'))
    const [running, stopped] = tour.split('Stop the peer with')
    expect(stopped, 'the tour has a part with a stopped peer').toBeDefined()

    await using peer = await PeerProcess.make()
    const folder = join(peer.home, 'clone')
    await cp(join(TOP, 'README.md'), join(folder, 'README.md'))
    await cp(join(TOP, 'docs'), join(folder, 'docs'), { recursive: true })

    await peer.start()
    const first = await peer.run(['sh', '-eux', '-c', scriptOf(running!, peer.gateway)], { folder })
    expect(first.exitCode, first.stderr).toBe(0)
    expect(first.stdout).toContain('added Qm')
    expect(first.stdout).toContain('PINNED')
    expect(first.stdout).toContain('| foo')
    expect(first.stdout).toContain('# cluster\n')
    expect(first.stdout).toContain('| bar |')
    expect(await peer.stop('SIGINT')).toBe(0)

    const second = await peer.run(['sh', '-eux', '-c', scriptOf(stopped!, peer.gateway)], { folder })
    expect(second.exitCode, second.stderr).toBe(0)
    expect(second.stdout).toContain('| docs | PIN |')
    expect(await Bun.file(join(folder, 'pins.json')).text()).toContain('"name":"docs"')
  }, 60_000)
})

/** All commands of a part of the document, as one script. */
function scriptOf(part: string, gateway: string): string {
  const blocks = [...part.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) => block!)
  expect(blocks.length).toBeGreaterThan(0)
  return blocks.join('').replaceAll('http://127.0.0.1:9098', gateway)
}
