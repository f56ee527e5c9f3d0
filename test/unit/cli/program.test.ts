import { describe, expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { parseArgv } from '../../../cli/argv.ts'
import { routeOf } from '../../../cli/route.ts'
import { tree } from '../../../cli/tree.ts'
import { commandPaths, leafAt } from '../../../cli/tree-node.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { apiServer, sendJson } from '../client/api-server.ts'
import { run, start } from './program.ts'
import { addressOf, stoppedPeer } from './program-setup.ts'

const cid = 'QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'
const id = {
  id: '12D3A',
  addresses: [],
  cluster_peers: ['12D3A'],
  version: '1.1.6',
  error: '',
  ipfs: { id: '12D3I', addresses: [], error: '' },
  peername: 'peer1',
}

describe('the program', () => {
  test('without a command shows help and ends with 0; so does --version', async () => {
    await using folder = await temporaryFolder()
    const bare = await run([], { folder: folder.path })
    expect(bare).toMatchObject({ code: 0, stderr: '' })
    expect(bare.stdout).toContain('Usage: cluster [flags] <command>')
    const version = await run(['--version'], { folder: folder.path })
    expect(version.code).toBe(0)
    expect(version.stdout).toMatch(/^cluster version \d+\.\d+\.\d+\n$/)
    expect(await readdir(folder.path)).toEqual([])
  })

  test('tells mistakes in one line on stderr', async () => {
    await using folder = await temporaryFolder()
    const unknownCommand = await run(['pni', 'add'], { folder: folder.path })
    expect(unknownCommand).toEqual({
      code: 3,
      stdout: '',
      stderr: 'error: unknown command "cluster pni"; did you mean "cluster pin"?\n',
    })
    const unknownFlag = await run(['pin', 'add', '--nmae', 'x', cid], { folder: folder.path })
    expect(unknownFlag).toEqual({
      code: 1,
      stdout: '',
      stderr:
        'error: unknown flag --nmae of "cluster pin add"; did you mean --name?; see cluster pin add --help\n',
    })
  })

  test.each([
    ['pin list', 'cluster pin ls'],
    ['pin lst', 'cluster pin ls'],
    ['pinadd', 'cluster pin add'],
    ['pin-rm', 'cluster pin rm'],
    ['unpin', 'cluster pin rm'],
    ['ls', 'cluster pin ls'],
    ['config check', 'cluster config validate'],
    ['state xprt', 'cluster state export'],
  ])('answers the unknown command "%s" with "%s"', (written, meant) => {
    expect(() => routeOf(tree, written.split(' '))).toThrow(
      `unknown command "cluster ${written}"; did you mean "${meant}"?`,
    )
  })

  test('answers an unknown command that is near none with where to look', () => {
    expect(() => routeOf(tree, ['xyzzy'])).toThrow('unknown command "cluster xyzzy"; see cluster --help')
  })

  test.each([
    ['pin add', ['pin', 'add', 'nope']],
    ['pin rm', ['pin', 'rm', 'nope']],
    ['pin update', ['pin', 'update', cid, 'nope']],
    ['pin ls', ['pin', 'ls', 'nope']],
    ['status', ['status', 'nope']],
    ['recover', ['recover', 'nope']],
  ])('tells %s what is no CID in the same words, and asks no peer', async (_name, args) => {
    await using folder = await temporaryFolder()
    await using server = await apiServer((_asked, response) => sendJson(response, id))
    expect(await run([...args, ...addressOf(server)], { folder: folder.path })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error parsing cid: invalid cid: selected encoding not supported\n',
    })
    expect(server.asked).toEqual([])
  })

  test('refuses an empty argument, whatever the command', async () => {
    for await (const path of commandPaths(tree)) {
      const command = await leafAt(tree, path).load()
      const commandName = ['cluster', ...path].join(' ')
      const parse = () =>
        parseArgv({ commandName, declared: command.declared.args, group: 'client', before: [], after: [''] })
      expect(parse).toThrow(`"${commandName}" was given an empty argument`)
    }
    await using folder = await temporaryFolder()
    expect(await run(['--config', '', 'state', 'cleanup', '--force'], { folder: folder.path })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'error: flag --config is empty; in a script, an unset variable is\n',
    })
  })

  test('prints data on stdout, as text or JSON, with global flags wherever they stand', async () => {
    await using folder = await temporaryFolder()
    await using server = await apiServer((_asked, response) => sendJson(response, id))
    const text = await run(['id', ...addressOf(server)], { folder: folder.path })
    expect(text).toEqual({
      code: 0,
      stdout: '12D3A | peer1 | Sees 0 other peers\n  > Addresses:\n  > IPFS: 12D3I\n',
      stderr: '',
    })
    const json = await run([...addressOf(server), '--json', 'id'], { folder: folder.path })
    expect(json.stdout).toBe(`${JSON.stringify(id, null, 4)}\n`)
  })

  test('ends with 2 when the peer refuses, and with 1 when none answers', async () => {
    await using folder = await temporaryFolder()
    await using server = await apiServer((_asked, response) =>
      sendJson(response, { code: 500, message: 'no' }, 500),
    )
    expect(await run(['id', ...addressOf(server)], { folder: folder.path })).toEqual({
      code: 2,
      stdout: '',
      stderr: 'error: no (the peer answered with 500)\n',
    })
    const unreached = await run(['id', '-l', '/ip4/127.0.0.1/tcp/1'], { folder: folder.path })
    expect(unreached.code).toBe(1)
    expect(unreached.stdout).toBe('')
    expect(unreached.stderr).toContain('is a peer running there?')
  })

  test('asks the API that the configuration names', async () => {
    await using folder = await stoppedPeer()
    await using _server = await apiServer(
      (_asked, response) => sendJson(response, id),
      `${folder.path}/api.sock`,
    )
    expect(await run(['id'], { folder: folder.path })).toMatchObject({ code: 0 })
  })

  test('ends quietly when the reader of a list goes away', async () => {
    await using folder = await temporaryFolder()
    await using server = await apiServer(async (_asked, response) => {
      response.writeHead(200)
      for (let i = 0; i < 20_000 && !response.destroyed; i++) {
        response.write(`${JSON.stringify({ cid, name: 'x'.repeat(200), peer_map: {} })}\n`)
        if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      response.end()
    })
    const program = start(['status', ...addressOf(server)], { folder: folder.path })
    for await (const _chunk of program.stdout) break
    expect(await program.exited).toBe(141)
    expect(await new Response(program.stderr).text()).toBe('')
  })

  test('ends with 125 on Ctrl-C', async () => {
    await using folder = await temporaryFolder()
    let asked = () => {}
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    await using server = await apiServer(() => asked())
    const program = start(['id', ...addressOf(server)], { folder: folder.path })
    await isAsked
    program.kill('SIGINT')
    expect(await program.exited).toBe(125)
    expect(await new Response(program.stderr).text()).toBe('error: cancelled\n')
  })
})
