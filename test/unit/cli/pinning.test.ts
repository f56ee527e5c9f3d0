import { describe, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import vector from '../../vectors/state_export.json' with { type: 'json' }
import { apiServer, sendJson, sendLines } from '../client/api-server.ts'
import { run } from './program.ts'
import { addressOf } from './program-setup.ts'

const cid = 'QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'

describe('pinning', () => {
  test('pins, waits until enough peers have it, and shows the status', async () => {
    await using folder = await temporaryFolder()
    let looks = 0
    await using server = await apiServer((asked, response) => {
      if (asked.method === 'POST') return sendJson(response, { cid, replication_factor_min: 1 })
      const status = ++looks < 2 ? 'pinning' : 'pinned'
      const peer = { peername: 'p', timestamp: 't', error: '', attempt_count: 0, priority_pin: false }
      sendJson(response, {
        cid,
        name: '',
        peer_map: { a: { ...peer, status }, b: { ...peer, status: 'pinning' } },
      })
    })
    const ran = await run(['pin', 'add', '--wait', cid, ...addressOf(server)], { folder: folder.path })
    expect(ran.code).toBe(0)
    expect(ran.stdout).toContain('> p                    : PINNED | t')
    expect(looks).toBe(2)
    expect(server.asked[0]!.url).toStartWith(`/pins/ipfs/${cid}?`)
  })

  test('ends with 62 when a wait takes too long, and with 1 when a peer failed', async () => {
    await using folder = await temporaryFolder()
    let status = 'pinning'
    await using server = await apiServer((asked, response) => {
      if (asked.method === 'POST') return sendJson(response, { cid, replication_factor_min: -1 })
      const peer = {
        peername: 'p',
        status,
        timestamp: 't',
        error: 'no route',
        attempt_count: 0,
        priority_pin: false,
      }
      sendJson(response, { cid, name: '', peer_map: { a: peer } })
    })
    const wait = ['pin', 'add', '--wait', '--wait-timeout', '1500ms', cid, ...addressOf(server)]
    expect(await run(wait, { folder: folder.path })).toMatchObject({
      code: 62,
      stderr: 'error waiting for pin status: context deadline exceeded\n',
    })
    status = 'pin_error'
    expect(await run(wait, { folder: folder.path })).toMatchObject({
      code: 1,
      stderr:
        'error waiting for pin status: error has occurred while attempting to reach status: pinned (p: pin_error: no route)\n',
    })
  })

  test('--dry-run only asks what would be stored', async () => {
    await using folder = await temporaryFolder()
    const pin = JSON.parse(vector.export_text.split('\n')[1]!)
    await using server = await apiServer((_asked, response) => sendJson(response, pin))
    const ran = await run(['pin', 'add', '--dry-run', '--rmin', '2', pin.cid, ...addressOf(server)], {
      folder: folder.path,
    })
    expect(ran.stdout).toStartWith(`${pin.cid} | allocated | PIN | Repl. Factor: 2--3 | Allocations: [12D3`)
    expect(server.asked.map(({ url }) => new URL(url, server.url).searchParams.get('dry-run'))).toEqual([
      'true',
    ])
  })

  test.each([
    [['--metadata', 'novalue'], 'error parsing metadata: metadata were not in the format key=value\n'],
    [['--expire-in', 'soon'], 'error parsing expire-in: time: invalid duration "soon"\n'],
  ])('%p is refused before anything is asked', async (flags, stderr) => {
    await using folder = await temporaryFolder()
    await using server = await apiServer((_asked, response) => sendJson(response, {}))
    const ran = await run(['pin', 'add', ...flags, cid, ...addressOf(server)], { folder: folder.path })
    expect(ran).toEqual({ code: 1, stdout: '', stderr })
    expect(server.asked).toEqual([])
  })
})

describe('adding', () => {
  const added = [
    { name: 'd/f', cid: 'Qmf', size: 3 },
    { name: 'd', cid: 'Qmd', size: 9 },
  ]

  test('prints what was added, all or the last, with names or without', async () => {
    await using folder = await temporaryFolder()
    await writeFile(`${folder.path}/f`, 'abc')
    await using server = await apiServer((_asked, response) => sendLines(response, added))
    const add = async (...flags: string[]) =>
      (await run(['add', `${folder.path}/f`, ...flags, ...addressOf(server)], { folder: folder.path })).stdout
    expect(await add()).toBe('added Qmf d/f\nadded Qmd d\n')
    expect(await add('-q')).toBe('Qmf\nQmd\n')
    expect(await add('-Q')).toBe('Qmd\n')
    expect(await add('--no-stream', '--json')).toBe(`${JSON.stringify(added, null, 4)}\n`)
    expect(server.asked[0]!.body).toContain('filename="f"')
  })

  test('takes stdin, and says what the flags imply', async () => {
    await using folder = await temporaryFolder()
    await using server = await apiServer((_asked, response) => sendLines(response, added))
    await run(['add', '-', '--hash', 'blake3', '--car', ...addressOf(server)], {
      folder: folder.path,
      stdin: 'piped in',
    })
    expect(server.asked[0]!.body).toContain('\r\n\r\npiped in\r\n')
    const query = new URL(server.asked[0]!.url, server.url).searchParams
    expect(Object.fromEntries(query)).toMatchObject({
      format: 'car',
      hash: 'blake3',
      'cid-version': '1',
      'raw-leaves': 'true',
      'wrap-with-directory': 'false',
    })
  })

  test.each([
    [[], 'error : need at least one path\n'],
    [['.'], /^error: .* is a directory, but Recursive option is not set; add it with --recursive\n$/],
    [['none'], /^error: none cannot be read: ENOENT/],
    [['--car', 'a', 'b'], /only a single CAR file can be added/],
    [['--nocopy', 'a'], 'error : nocopy option is only valid for URLs\n'],
  ])('%p is refused before anything is asked', async (paths, stderr) => {
    await using folder = await temporaryFolder()
    await using server = await apiServer((_asked, response) => sendLines(response, added))
    const ran = await run(['add', ...paths, ...addressOf(server)], { folder: folder.path, cwd: folder.path })
    expect(ran.code).toBe(1)
    if (typeof stderr === 'string') expect(ran.stderr).toBe(stderr)
    else expect(ran.stderr).toMatch(stderr)
    expect(server.asked).toEqual([])
  })
})
