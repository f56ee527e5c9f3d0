/** Which Bun `install.sh` runs: a copy of the script alone, with programs of the test's own on PATH. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const top = join(import.meta.dir, '../..')
const { packageManager } = await Bun.file(join(top, 'package.json')).json()
const version = packageManager.replace('bun@', '')
const script = await Bun.file(join(top, 'install.sh')).text()
const ownSum = createHash('sha256')
  .update(await Bun.file(process.execPath).bytes())
  .digest('hex')
const isKnown = script.includes(`\n${ownSum} `)

describe('install.sh', () => {
  let folder: string
  let marker: string

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cluster install '))
    marker = join(folder, 'was run')
    await copyFile(join(top, 'install.sh'), join(folder, 'install.sh'))
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'nothing', packageManager }))
    // What the script needs of the machine, and no Bun and npm of it.
    for (const name of [
      'sh',
      'sed',
      'cut',
      'grep',
      'dirname',
      'mkdir',
      'rm',
      'mv',
      'cp',
      'sha256sum',
      'chmod',
      'readlink',
    ]) {
      const path = Bun.which(name)
      if (path !== null) await tool(name, `exec ${path} "$@"`)
    }
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  /** A program on the PATH of the script. */
  async function tool(name: string, body: string): Promise<void> {
    await program(join(folder, 'bin', name), body)
  }

  /** It says that it is the right version, and leaves a mark. */
  const tampered = () => `: > '${marker}'; echo ${version}`

  /** `npm` that installs what `makeBun` makes of the file "$bun". */
  function npm(makeBun: string): Promise<void> {
    return tool(
      'npm',
      `bun="$3/node_modules/@oven/bun-linux-x64/bin/bun"; mkdir -p "\${bun%/*}"; ${makeBun}; chmod 755 "$bun"`,
    )
  }

  async function install(environment: Record<string, string> = {}) {
    const child = Bun.spawn(['/bin/sh', join(folder, 'install.sh'), '--prefix', join(folder, 'prefix')], {
      env: { HOME: folder, PATH: join(folder, 'bin'), XDG_DATA_HOME: join(folder, 'data'), ...environment },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    })
    const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
    return { stderr, code, wasRun: await Bun.file(marker).exists() }
  }

  const installed = () => join(folder, `data/cluster/bun-${version}`)

  test('refuses a Bun of another checksum that npm gives, and does not run it', async () => {
    await tool('write-tampered', `printf '%s\\n' '#!/bin/sh' ${JSON.stringify(tampered())} > "$1"`)
    await npm('write-tampered "$bun"')
    const { code, stderr, wasRun } = await install()
    expect([code, wasRun]).toEqual([2, false])
    expect(stderr).toContain('SHA-256')
    expect(await Bun.file(join(installed(), 'node_modules/@oven/bun-linux-x64/bin/bun')).exists()).toBe(false)
  })

  test('passes over one on PATH and one installed before that have another checksum', async () => {
    await tool('bun', tampered())
    await program(join(installed(), 'node_modules/@oven/bun-linux-x64/bin/bun'), tampered())
    const { code, stderr, wasRun } = await install()
    expect([code, wasRun]).toEqual([2, false])
    expect(stderr).toContain('install npm')
  })

  test('takes another build when it is named', async () => {
    await program(join(folder, 'other/bun'), tampered())
    // It is no Bun, so that it installs nothing and builds nothing.
    const { wasRun } = await install({ BUN: join(folder, 'other/bun') })
    expect(wasRun).toBe(true)
  })

  test('refuses one that is named and has another version', async () => {
    await program(join(folder, 'other/bun'), 'echo 0.0.1')
    const { code, stderr } = await install({ BUN: join(folder, 'other/bun') })
    expect(code).toBe(2)
    expect(stderr).toContain(`is not Bun ${version}`)
  })

  test.skipIf(!isKnown)(
    'takes the one that npm gives when its checksum is known',
    async () => {
      await npm(`cp '${process.execPath}' "$bun"`)
      const { code, stderr } = await install()
      // There is nothing to build here.
      expect(code).toBe(4)
      expect(stderr).toContain(`Installing the dependencies (Bun ${version})`)
    },
    60_000,
  )
})

async function program(path: string, body: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, `#!/bin/sh\n${body}\n`)
  await chmod(path, 0o755)
}
