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

  test.each(['first', 'last'])(
    'waits for enough peers though one is broken, which comes %s in the list',
    async (place) => {
      await using folder = await temporaryFolder()
      const broken = { status: 'pin_error', error: 'disk\nfull' }
      let looks = 0
      await using server = await apiServer((asked, response) => {
        if (asked.method === 'POST') return sendJson(response, { cid, replication_factor_min: 2 })
        const peer = { peername: 'p', timestamp: 't', error: '', attempt_count: 0, priority_pin: false }
        const ids = place === 'first' ? ['a', 'b', 'c'] : ['c', 'b', 'a']
        const pinned = ++looks < 3 ? 'pinning' : 'pinned'
        sendJson(response, {
          cid,
          name: '',
          peer_map: {
            [ids[0]!]: { ...peer, peername: 'broken', ...broken },
            [ids[1]!]: { ...peer, status: 'pinned' },
            [ids[2]!]: { ...peer, status: pinned },
            d: { ...peer, status: 'remote' },
          },
        })
      })
      for (const flags of [
        ['--wait'],
        ['--wait-limit', '2'],
        ['--wait', '--wait-limit', '2', '--no-status'],
      ]) {
        looks = 0
        const ran = await run(['pin', 'add', ...flags, cid, ...addressOf(server)], { folder: folder.path })
        expect(ran.code).toBe(0)
        expect(looks).toBe(3)
        expect(ran.stderr).toBe('warning: broken: pin_error: disk\\nfull; the other peers are enough\n')
      }
      const all = await run(['pin', 'add', '--wait-limit', '3', cid, ...addressOf(server)], {
        folder: folder.path,
      })
      expect(all).toMatchObject({ code: 1, stdout: '' })
      expect(all.stderr).toContain('(broken: pin_error: disk\\nfull)')
    },
  )

  test('warns when fewer peers can hold the pin than were asked for', async () => {
    await using folder = await temporaryFolder()
    const peer = { peername: 'p', timestamp: 't', error: '', attempt_count: 0, priority_pin: false }
    await using server = await apiServer((asked, response) => {
      if (asked.method === 'POST') return sendJson(response, { cid, replication_factor_min: -1 })
      sendJson(response, { cid, name: '', peer_map: { a: { ...peer, status: 'pinned' } } })
    })
    const args = ['pin', 'add', '--wait-limit', '5', cid, ...addressOf(server)]
    expect(await run(args, { folder: folder.path })).toMatchObject({
      code: 0,
      stderr: 'warning: 5 peers were asked for, and only 1 have to do it: waited for those\n',
    })
  })

  test('does not take a status without peers for one that is reached', async () => {
    await using folder = await temporaryFolder()
    await using server = await apiServer((asked, response) => {
      if (asked.method === 'POST') return sendJson(response, { cid, replication_factor_min: -1 })
      sendJson(response, { cid, name: '', peer_map: {} })
    })
    const wait = ['pin', 'add', '--wait', '--wait-timeout', '300ms', cid, ...addressOf(server)]
    expect((await run(wait, { folder: folder.path })).code).toBe(62)
  })

  test('says that a limit below 0 is none, and that a timeout without a wait has no effect', async () => {
    await using folder = await temporaryFolder()
    await using server = await apiServer((_asked, response) =>
      sendJson(response, { cid, type: 'pin', name: '', expire_at: '', timestamp: '' }),
    )
    const below = await run(['pin', 'rm', '--wait-limit=-1', cid, ...addressOf(server)], {
      folder: folder.path,
    })
    expect(below).toMatchObject({ code: 1, stderr: 'error: flag --wait-limit must not be below 0\n' })
    const past = ['pin', 'rm', '--wait', '--wait-timeout=-1s', cid, ...addressOf(server)]
    expect(await run(past, { folder: folder.path })).toMatchObject({
      code: 1,
      stderr: 'error: flag --wait-timeout must not be below 0\n',
    })
    expect(server.asked).toEqual([])
    const alone = ['pin', 'add', '--no-status', '--wait-timeout', '5s', cid, ...addressOf(server)]
    expect(await run(alone, { folder: folder.path })).toMatchObject({
      code: 0,
      stderr: 'warning: --wait-timeout has no effect without --wait\n',
    })
  })

  test('tells when --allocations has no effect, and who was not chosen', async () => {
    await using folder = await temporaryFolder()
    const member = '12D3KooWPu3hgXkV9VBtsuJ3FSA59QAv6h6cCMfEVxQCQQsa68RY'
    const stranger = '12D3KooWGHxZXHLqsQJkRtBXkZ5VEbUkcC8AbFBjzRqEdFfvfEBL'
    let factor = -1
    const pin = () => ({ cid, replication_factor_min: factor, allocations: [member] })
    await using server = await apiServer((asked, response) => {
      if (asked.url.startsWith('/add')) sendLines(response, [{ name: 'f', cid }])
      else sendJson(response, pin())
    })
    const flags = ['--allocations', `${member}, ${stranger}`, ...addressOf(server)]
    for (const command of [
      ['pin', 'add', '--no-status', cid],
      ['add', '-'],
    ]) {
      factor = -1
      const everywhere = await run([...command, ...flags], { folder: folder.path, stdin: 'x' })
      expect(everywhere.code).toBe(0)
      expect(everywhere.stderr).toStartWith('warning: --allocations has no effect: the pin is for every peer')
      factor = 1
      const one = await run([...command, ...flags], { folder: folder.path, stdin: 'x' })
      expect(one.code).toBe(0)
      expect(one.stderr).toStartWith(`warning: ${stranger} of --allocations was not chosen`)
      expect(one.stderr).not.toContain(member)
    }
  })

  test('refuses metadata without a key, and keeps what follows the first "="', async () => {
    await using folder = await temporaryFolder()
    await using server = await apiServer((_asked, response) => sendJson(response, { cid }))
    const add = (metadata: string) =>
      run(['pin', 'add', '--no-status', '--metadata', metadata, cid, ...addressOf(server)], {
        folder: folder.path,
      })
    expect(await add('=x')).toMatchObject({
      code: 1,
      stderr: 'error parsing metadata: "=x" has no key before its "="\n',
    })
    expect((await add('noequals')).code).toBe(1)
    expect(server.asked).toEqual([])
    expect((await add('k=v=w')).code).toBe(0)
    expect(new URL(server.asked[0]!.url, server.url).searchParams.get('meta-k')).toBe('v=w')
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

  test('waits as pinning does, with --wait or a limit of peers alone', async () => {
    await using folder = await temporaryFolder()
    const peer = { peername: 'p', timestamp: 't', error: 'full', attempt_count: 0, priority_pin: false }
    let looks = 0
    await using server = await apiServer((asked, response) => {
      if (asked.url.startsWith('/add')) return sendLines(response, [{ name: 'f', cid }])
      if (asked.url.startsWith('/allocations')) return sendJson(response, { cid, replication_factor_min: 2 })
      const status = ++looks % 3 === 0 ? 'pinned' : 'pinning'
      const pinned = { ...peer, error: '', status: 'pinned' }
      sendJson(response, {
        cid,
        peer_map: { a: { ...peer, status: 'pin_error' }, b: pinned, c: { ...pinned, status } },
      })
    })
    for (const flags of [['--wait'], ['--wait-limit', '2']]) {
      const ran = await run(['add', '-Q', '-', ...flags, ...addressOf(server)], {
        folder: folder.path,
        stdin: 'x',
      })
      expect(ran).toEqual({
        code: 0,
        stdout: `${cid}\n`,
        stderr: 'warning: p: pin_error: full; the other peers are enough\n',
      })
    }
    expect(looks).toBe(6)
    const noPin = ['add', '-', '--no-pin', '--wait', ...addressOf(server)]
    expect((await run(noPin, { folder: folder.path, stdin: 'x' })).code).toBe(1)
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
