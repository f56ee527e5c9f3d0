import { describe, expect, test } from 'bun:test'
import { folderHelp } from '../../../cli/help.ts'
import { routeOf } from '../../../cli/route.ts'
import { tree } from '../../../cli/tree.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { apiServer, sendJson } from '../client/api-server.ts'
import { run } from './program.ts'
import { addressOf } from './program-setup.ts'

const peer = '12D3KooWPu3hgXkV9VBtsuJ3FSA59QAv6h6cCMfEVxQCQQsa68RY'

describe('health', () => {
  test('alone tells whether the peer answers, by its exit code too', async () => {
    await using folder = await temporaryFolder()
    let status = 204
    await using server = await apiServer((_asked, response) => {
      response.writeHead(status).end()
    })
    const options = { folder: folder.path }
    expect(await run(['health', ...addressOf(server)], options)).toEqual({
      code: 0,
      stdout: 'healthy\n',
      stderr: '',
    })
    expect((await run(['health', '--json', ...addressOf(server)], options)).stdout).toBe(
      '{\n    "healthy": true\n}\n',
    )
    status = 502
    const refused = await run(['health', ...addressOf(server)], options)
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    const unreached = await run(['health', '--host', '/ip4/127.0.0.1/tcp/1'], options)
    expect(unreached).toMatchObject({ code: 1, stdout: '' })
    expect(unreached.stderr).toStartWith('error: the peer is not healthy: /ip4/127.0.0.1/tcp/1: ')
  })

  test('has help of its folder, which names what it does alone', () => {
    const route = routeOf(tree, ['health', '--help'])
    if (route.kind !== 'help') throw new Error(`it is ${route.kind}`)
    const help = folderHelp(route.path, route, 'summary')
    expect(help).toContain('Usage: cluster health [flags] [command]')
    expect(help).toContain('  (none)     Tell whether the peer answers\n  graph      Draw')
  })

  test('graph can be written to a file', async () => {
    await using folder = await temporaryFolder()
    const graph = { cluster_id: peer, cluster_links: { [peer]: [] }, id_to_peername: { [peer]: 'peer1' } }
    await using server = await apiServer((_asked, response) => sendJson(response, graph))
    const file = `${folder.path}/graph.dot`
    const ran = await run(['health', 'graph', '-f', file, ...addressOf(server)], { folder: folder.path })
    expect(ran).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(await Bun.file(file).text()).toStartWith('digraph cluster {\n')
    const missing = ['health', 'graph', '-f', `${folder.path}/none/graph.dot`, ...addressOf(server)]
    const failed = await run(missing, { folder: folder.path })
    expect(failed.code).toBe(1)
    expect(failed.stderr).toStartWith('error creating output file: ')
  })
})

test('a token is printed alone, for a variable of a shell', async () => {
  await using folder = await temporaryFolder()
  await using server = await apiServer((_asked, response) => sendJson(response, { token: 'abc' }))
  const flags = ['--basic-auth', 'ann:secret', '--force-http', ...addressOf(server)]
  const ran = await run(['token', ...flags], { folder: folder.path })
  expect(ran).toEqual({ code: 0, stdout: 'abc\n', stderr: '' })
  expect(server.asked[0]!.headers.authorization).toBe(`Basic ${btoa('ann:secret')}`)
})

test('a peer is added by its ID and shown; what is no ID is not asked for', async () => {
  await using folder = await temporaryFolder()
  const id = {
    id: peer,
    addresses: [],
    cluster_peers: [peer, 'other'],
    error: '',
    ipfs: { error: 'down' },
    peername: 'p',
  }
  await using server = await apiServer((_asked, response) => sendJson(response, id))
  const options = { folder: folder.path }
  const ran = await run(['peers', 'add', peer, ...addressOf(server)], options)
  expect(ran.stdout).toBe(`${peer} | p | Sees 1 other peers\n  > Addresses:\n  > IPFS ERROR: down\n`)
  expect(server.asked).toHaveLength(1)
  for (const command of ['add', 'rm']) {
    const refused = await run(['peers', command, 'nobody', ...addressOf(server)], options)
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toStartWith('error parsing peer ID: ')
  }
  expect(server.asked).toHaveLength(1)
})
