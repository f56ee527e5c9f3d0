import { Database } from 'bun:sqlite'
import { describe, expect, test } from 'bun:test'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lockFolder } from '../../../core/store/lock.ts'
import { storePath } from '../../../core/store/sqlite-store.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import vector from '../../vectors/state_export.json' with { type: 'json' }
import { apiServer, sendJson } from '../client/api-server.ts'
import { editService } from '../config/initialised-folder.ts'
import { run, start } from './program.ts'
import { stoppedPeer } from './program-setup.ts'

const cid = 'QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'

describe('init', () => {
  test('writes the files and says so on stderr; without a terminal it replaces nothing unasked', async () => {
    await using folder = await temporaryFolder()
    const made = await run(['init', '--ipfs', 'kubo'], { folder: folder.path })
    expect(made).toMatchObject({ code: 0, stdout: '' })
    expect(made.stderr).toStartWith(
      `configuration written to ${folder.path}/service.json.\n` +
        `new identity written to ${folder.path}/identity.json\n` +
        `new empty peerstore written to ${folder.path}/peerstore.\n`,
    )
    const before = await readFile(`${folder.path}/service.json`, 'utf8')
    const again = await run(['init'], { folder: folder.path })
    expect(again.code).toBe(1)
    expect(again.stderr).toContain('There is no terminal to ask at: answer with --force')
    expect(await readFile(`${folder.path}/service.json`, 'utf8')).toBe(before)
    expect((await run(['init', '-f'], { folder: folder.path })).code).toBe(0)
    expect(await readFile(`${folder.path}/service.json`, 'utf8')).not.toBe(before)
  })

  test('takes Kubo when one answers where the configuration will look for it, else an embedded node', async () => {
    await using folder = await temporaryFolder()
    await using kubo = await apiServer((asked, response) =>
      asked.url === '/api/v0/version' && asked.method === 'POST'
        ? sendJson(response, { Version: '0.42.0' })
        : sendJson(response, {}, 404),
    )
    const choice = async (address: string) => {
      const environment = { CLUSTER_IPFSHTTP_NODEMULTIADDRESS: address }
      await run(['init', '--force'], { folder: folder.path, environment })
      return Object.keys(JSON.parse(await readFile(`${folder.path}/service.json`, 'utf8')).ipfs_connector)
    }
    expect(await choice(kubo.multiaddr)).toEqual(['ipfshttp'])
    expect(await choice('/ip4/127.0.0.1/tcp/1')).toEqual(['embedded', 'ipfshttp'])
  })

  test('refuses raft', async () => {
    await using folder = await temporaryFolder()
    const ran = await run(['init', '--consensus', 'raft'], { folder: folder.path })
    expect(ran).toMatchObject({ code: 1, stdout: '' })
    expect(ran.stderr).toContain('raft is not supported')
    expect(await readdir(folder.path)).toEqual([])
  })
})

describe('config', () => {
  test('show hides secrets, and validate names what is wrong', async () => {
    await using folder = await stoppedPeer()
    const shown = await run(['config', 'show'], { folder: folder.path })
    expect(JSON.parse(shown.stdout).cluster).toMatchObject({ peername: 'me', secret: 'XXX_hidden_XXX' })
    expect((await run(['config', 'show', '--secrets'], { folder: folder.path })).stdout).toMatch(
      /"secret": "[0-9a-f]{64}"/,
    )
    expect(await run(['config', 'validate'], { folder: folder.path })).toMatchObject({ code: 0 })
    await editService(folder.path, (json) => {
      json.cluster.dial_peer_timeout = 'soon'
    })
    const wrong = await run(['config', 'validate'], { folder: folder.path })
    expect(wrong).toMatchObject({ code: 1, stdout: '' })
    expect(wrong.stderr).toBe(
      `error: ${folder.path}/service.json: cluster.dial_peer_timeout is "soon": ` +
        'must be a duration such as "1h30m", "15s" or "200ms", above 0\n',
    )
  })
})

describe('the state of a stopped peer', () => {
  const pins = vector.export_text

  test('is imported, listed, exported byte for byte, and removed', async () => {
    await using folder = await stoppedPeer()
    const options = { folder: folder.path }
    await writeFile(`${folder.path}/pins.json`, pins)
    expect(await run(['state', 'export'], options)).toMatchObject({ code: 0, stdout: '' })
    expect(await run(['state', 'import', '-f', `${folder.path}/pins.json`], options)).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '2 pins imported\n',
    })
    const exported = await run(['state', 'export'], options)
    expect(exported.stdout.split('\n').sort()).toEqual(pins.split('\n').sort())
    await run(['state', 'export', '-f', `${folder.path}/out.json`], options)
    expect(await readFile(`${folder.path}/out.json`, 'utf8')).toBe(exported.stdout)

    const listed = await run(['pin', 'ls'], options)
    expect(listed.stderr).toBe(`no peer answers; this is what the files in ${folder.path} say\n`)
    expect(listed.stdout.split('\n')).toHaveLength(3)
    const one = await run(['pin', 'ls', '--json', cid], options)
    expect(JSON.parse(one.stdout)).toEqual(JSON.parse(pins.split('\n')[0]!))
    const status = await run(['status', cid], options)
    expect(status.stdout).toContain('    > me                   : PIN_QUEUED | ')
    expect((await run(['status', '--filter', 'pinned'], options)).stdout).toBe('')

    expect((await run(['state', 'cleanup'], options)).stderr).toContain('answer with --force')
    expect((await run(['state', 'cleanup', '--force'], options)).code).toBe(0)
    expect(await run(['state', 'export'], options)).toMatchObject({ code: 0, stdout: '' })
    expect((await readdir(folder.path)).filter((name) => name.startsWith('.filling-store-'))).toEqual([])
  })

  test.each([
    ['{"cid":"zz"}', 'stdin, line 3: key "cid" is "zz"'],
    ['{"cid":', 'stdin, line 3: the JSON that begins here does not end'],
    ['{"cid"}', 'stdin, line 3: a pin is expected as a JSON object'],
    ['rubbish', 'stdin, line 3: a pin is expected as a JSON object'],
    ['}', 'stdin, line 3: a pin is expected as a JSON object'],
    [`{\n"cid":"${cid}"}\n\n{"cid":\n"zz"}`, 'stdin, line 6: key "cid" is "zz"'],
    [`{"cid":"${cid}","peer_map":{}}`, 'stdin, line 3: this is the status of a pin'],
    [`[{"cid":"${cid}"}`, 'stdin, line 4: the list of the file does not end'],
    [`[{"cid":"${cid}"} {"cid":"${cid}"}]`, 'stdin, line 3: a comma or the end of the list is missing'],
    ['{"name":"x"}', 'stdin, line 3: pin object without the key "cid"'],
    [
      `{"cid":"${cid}","replication_factor_min":3,"replication_factor_max":2}`,
      `stdin, line 3: pin ${cid}: the minimum replication factor 3 is larger than the maximum 2`,
    ],
  ])('is not touched by an import with the line %s', async (line, message) => {
    await using folder = await stoppedPeer()
    const options = { folder: folder.path }
    await run(['state', 'import', '-f'], { ...options, stdin: pins })
    const before = (await run(['state', 'export'], options)).stdout
    const ran = await run(['state', 'import', '-f'], { ...options, stdin: `${pins}${line}\n` })
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain(`${message}`)
    expect(ran.stderr).toContain('; nothing was replaced')
    expect((await run(['state', 'export'], options)).stdout).toBe(before)
    expect((await readdir(folder.path)).filter((name) => name.startsWith('.filling-store-'))).toEqual([])
  })

  const [first, second] = pins.trim().split('\n') as [string, string]
  const pretty = [first, second].map((line) => JSON.stringify(JSON.parse(line), null, 4))
  test.each([
    ['as it is exported', pins],
    ['without a newline at the end', `${first}\n${second}`],
    ['indented, as "pin ls --json" prints them', `${pretty.join('\n')}\n`],
    ['several on one line', first + second],
    ['several on one line with blanks', ` ${first} \t ${second} `],
    ['one list', `[${first},${second}]`],
    ['one list, indented', JSON.stringify([JSON.parse(first), JSON.parse(second)], null, 2)],
    ['with the mark of a Windows editor and its line ends', `\ufeff${first}\r\n\r\n${second}\r\n`],
    ['one list with that mark', `\ufeff[\r\n${first},\r\n${second}\r\n]\r\n`],
  ])('is imported from JSON %s', async (_layout, text) => {
    await using folder = await stoppedPeer()
    const options = { folder: folder.path }
    expect(await run(['state', 'import', '-f'], { ...options, stdin: text })).toMatchObject({
      code: 0,
      stderr: 'reading from stdin, Ctrl-D to finish\n2 pins imported\n',
    })
    expect((await run(['state', 'export'], options)).stdout.split('\n').sort()).toEqual(
      pins.split('\n').sort(),
    )
  })

  test('is imported from what "pin ls --json" prints', async () => {
    await using folder = await stoppedPeer()
    await using other = await stoppedPeer()
    await run(['state', 'import', '-f'], { folder: folder.path, stdin: pins })
    const { stdout } = await run(['pin', 'ls', '--json'], { folder: folder.path })
    expect((await run(['state', 'import', '-f'], { folder: other.path, stdin: stdout })).code).toBe(0)
    expect((await run(['state', 'export'], { folder: other.path })).stdout).toBe(
      (await run(['state', 'export'], { folder: folder.path })).stdout,
    )
  })

  test('is imported from exports of older versions, and keys that mean nothing are named', async () => {
    await using folder = await stoppedPeer()
    const old = {
      ...{ cid: { '/': cid }, name: 'old', type: 2, allocations: [], max_depth: -1, parents: null },
      ...{ reference: null, replication_factor: -1, colour: 'red' },
    }
    const ran = await run(['state', 'import', '-f'], { folder: folder.path, stdin: JSON.stringify(old) })
    expect(ran.code).toBe(0)
    expect(ran.stderr).toContain('warning: keys that mean nothing here were left out: colour\n')
    const { stdout } = await run(['state', 'export'], { folder: folder.path })
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ cid, name: 'old', type: 'pin', replication_factor_min: -1, replication_factor_max: -1 },
    })
  })

  test.each(['SIGKILL', 'SIGINT'] as const)(
    'survives an import that ends by %s in the middle',
    async (signal) => {
      await using folder = await stoppedPeer()
      const options = { folder: folder.path }
      await run(['state', 'import', '-f'], { ...options, stdin: pins })
      const before = (await run(['state', 'export'], options)).stdout
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
      const writer = writable.getWriter()
      const importing = start(['state', 'import', '-f'], { ...options, stdin: readable })
      const freshFolders = async () =>
        (await readdir(folder.path)).filter((name) => name.startsWith('.filling-store-'))
      await writer.write(new TextEncoder().encode(pins.split('\n')[1]!))
      while ((await freshFolders()).length === 0) await Bun.sleep(5)
      importing.kill(signal)
      await importing.exited
      await writer.abort().catch(() => undefined)
      expect((await run(['state', 'export'], options)).stdout).toBe(before)
      expect(await run(['state', 'import', '-f'], { ...options, stdin: pins.split('\n')[0]! })).toMatchObject(
        { code: 0 },
      )
      expect(await freshFolders()).toEqual([])
      expect((await run(['state', 'export'], options)).stdout.trim()).toBe(pins.split('\n')[0]!)
    },
  )

  test('removes what killed imports have left, and nothing that others have put there', async () => {
    await using folder = await stoppedPeer()
    const input = join(folder.path, 'import-me.json')
    await writeFile(input, pins)
    await mkdir(join(folder.path, 'import-notes'))
    await mkdir(join(folder.path, '.filling-store-Ab3dE6', 'store'), { recursive: true })
    await mkdir(join(folder.path, '.filling-store-notmine'))
    await mkdir(join(folder.path, '.filling-store-Ab3dE7', 'photos'), { recursive: true })
    await writeFile(join(folder.path, '.filling-store-Ab3dE8'), 'a file')
    expect(await run(['state', 'import', '-f', input], { folder: folder.path })).toMatchObject({ code: 0 })
    const names = await readdir(folder.path)
    expect(names.filter((name) => name.includes('import-')).sort()).toEqual([
      'import-me.json',
      'import-notes',
    ])
    expect(names.filter((name) => name.includes('filling')).sort()).toEqual([
      '.filling-store-Ab3dE7',
      '.filling-store-Ab3dE8',
      '.filling-store-notmine',
    ])
  })

  test('can get other factors and allocations on the way in', async () => {
    await using folder = await stoppedPeer()
    const options = { folder: folder.path }
    const peer = '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5'
    const flags = ['--rmin', '1', '--rmax', '2', '--allocations', peer]
    await run(['state', 'import', '-f', ...flags], { ...options, stdin: pins })
    for (const line of (await run(['state', 'export'], options)).stdout.trim().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({
        replication_factor_min: 1,
        replication_factor_max: 2,
        allocations: [peer],
      })
    }
    const homeless = await run(['state', 'import', '-f', '--rmin', '1'], { ...options, stdin: pins })
    expect(homeless.stderr).toContain('1 pins have no allocations')
  })

  test('is left alone while somebody holds it, and without being asked for', async () => {
    await using folder = await stoppedPeer()
    const options = { folder: folder.path, stdin: pins }
    const unasked = await run(['state', 'import'], options)
    expect(unasked.code).toBe(1)
    expect(unasked.stderr).toContain('There is no terminal to ask at: answer with --force')
    using _lock = lockFolder(folder.path)
    for (const args of [
      ['state', 'import', '-f'],
      ['state', 'cleanup', '-f'],
      ['init', '-f'],
    ]) {
      const ran = await run(args, options)
      expect(ran.code).toBe(1)
      expect(ran.stderr).toContain(`cluster.lock is held by process ${process.pid}`)
    }
  })

  test('is checked, and rebuilt when its tables are not what its history says', async () => {
    await using folder = await stoppedPeer()
    const options = { folder: folder.path }
    await run(['state', 'import', '-f'], { ...options, stdin: pins })
    expect(await run(['state', 'check'], options)).toEqual({
      code: 0,
      stdout: '',
      stderr: 'the tables agree with the history\n',
    })
    const before = (await run(['state', 'export'], options)).stdout
    using db = new Database(storePath(folder.path))
    db.run("UPDATE pins SET name = 'forged'")
    const faulty = await run(['state', 'check', '--json'], options)
    expect(faulty.code).toBe(1)
    expect(faulty.stdout).toContain('"problem": ')
    expect(faulty.stderr).toMatch(
      /^error: \d+ faults found; stop the peer and run "cluster state rebuild"\n$/,
    )
    expect((await run(['state', 'rebuild'], options)).stderr).toMatch(/^\d+ faults repaired\n$/)
    expect(await run(['state', 'check'], options)).toMatchObject({ code: 0 })
    expect((await run(['state', 'export'], options)).stdout).toBe(before)
  })

  test("of the original's stores is refused, but its export is taken", async () => {
    await using folder = await stoppedPeer()
    await Bun.write(`${folder.path}/pebble/MANIFEST-000001`, 'x')
    const options = { folder: folder.path }
    for (const args of [['daemon'], ['state', 'export'], ['config', 'validate']]) {
      const ran = await run(args, options)
      expect(ran.code).toBe(1)
      expect(ran.stderr).toContain('`ipfs-cluster-service state export -f pins.json`')
    }
    expect(await run(['state', 'import', '-f'], { ...options, stdin: pins })).toMatchObject({ code: 0 })
    expect(await run(['state', 'export'], options)).toMatchObject({ code: 0 })
  })
})
