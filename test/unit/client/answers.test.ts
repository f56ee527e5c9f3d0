import { describe, expect, test } from 'bun:test'
import { ClusterClient } from '../../../core/client/cluster-client.ts'
import { apiServer, sendJson } from './api-server.ts'

const cid = 'bafkreienm6gfj72tzla67vwwe2l25nnaaverzuclqmri7wcbdou7ak4y44'

async function* oneFile() {
  yield { kind: 'file' as const, path: 'a', content: bytes() }
}

async function* bytes() {
  yield Buffer.from('a')
}

describe('an answer that leads elsewhere', () => {
  test.each([307, 308])('with %d is followed with the same method and credentials', async (status) => {
    await using server = await apiServer((asked, response) => {
      if (asked.url.startsWith('/moved')) return sendJson(response, { cid })
      response.writeHead(status, { Location: '/moved?x=1' }).end()
    })
    const client = new ClusterClient({ addresses: [server.url], credentials: { user: 'ann', password: 'x' } })
    expect((await client.unpin(cid)).cid).toBe(cid)
    expect(server.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `DELETE /pins/ipfs/${cid}`,
      'DELETE /moved?x=1',
    ])
    expect(server.asked[1]!.headers.authorization).toBeDefined()
  })

  test.each([301, 302, 307])('with %d is followed when it is asked for data', async (status) => {
    await using server = await apiServer((asked, response) => {
      if (asked.url === '/moved') return sendJson(response, { version: '1' })
      response.writeHead(status, { Location: '/moved' }).end()
    })
    expect(await new ClusterClient({ addresses: [server.url] }).version()).toEqual({ version: '1' })
  })

  test.each([301, 302, 303])('with %d never makes a write a read: it is an error', async (status) => {
    await using server = await apiServer((_asked, response) => {
      response.writeHead(status, { Location: '/moved' }).end()
    })
    const client = new ClusterClient({ addresses: [server.url] })
    await expect(client.pin(cid)).rejects.toMatchObject({
      name: 'ApiError',
      code: status,
      message: `${server.url} answered ${status} and leads to /moved; nothing was done`,
    })
    expect(server.asked).toHaveLength(1)
  })

  test('to another host is an error that names it, and takes no credentials there', async () => {
    await using other = await apiServer((_asked, response) => sendJson(response, { version: '1' }))
    await using server = await apiServer((_asked, response) => {
      response.writeHead(308, { Location: `${other.url.replace('//', '//u:secret@')}/version` }).end()
    })
    const client = new ClusterClient({ addresses: [server.url], credentials: { user: 'ann', password: 'x' } })
    const failure = await client.version().catch((error: Error) => error)
    expect(String(failure)).toContain(`leads to ${other.url}/version`)
    expect(String(failure)).toContain('--host')
    expect(String(failure)).not.toContain('secret')
    expect(other.asked).toEqual([])
  })

  test('of an upload is an error, as it cannot be sent twice', async () => {
    await using server = await apiServer((asked, response) => {
      if (asked.url === '/moved') return sendJson(response, { name: 'a', cid })
      response.writeHead(307, { Location: '/moved' }).end()
    })
    const client = new ClusterClient({ addresses: [server.url] })
    const added = Array.fromAsync(client.add(oneFile(), { pin: {}, parameters: {} }))
    await expect(added).rejects.toThrow('an upload cannot be sent twice; nothing was added')
  })

  test('for ever is an error', async () => {
    await using server = await apiServer((_asked, response) => {
      response.writeHead(307, { Location: '/again' }).end()
    })
    const { message } = await new ClusterClient({ addresses: [server.url] }).id().catch((error) => error)
    expect(message).toContain('redirected 5 times in a row')
    expect(server.asked).toHaveLength(6)
  })

  test.each([300, 304])('or %d without a place is an error', async (status) => {
    await using server = await apiServer((_asked, response) => void response.writeHead(status).end())
    const client = new ClusterClient({ addresses: [server.url] })
    await expect(client.pin(cid)).rejects.toMatchObject({ name: 'ApiError', code: status })
  })
})

describe('an answer that is no answer', () => {
  const calls: [string, (client: ClusterClient) => Promise<unknown>][] = [
    ['id', (client) => client.id()],
    ['version', (client) => client.version()],
    ['peers', (client) => Array.fromAsync(client.peers())],
    ['peerAdd', (client) => client.peerAdd('x')],
    ['connectGraph', (client) => client.connectGraph()],
    ['alerts', (client) => client.alerts()],
    ['bandwidth', (client) => client.bandwidth()],
    ['metricNames', (client) => client.metricNames()],
    ['metrics', (client) => client.metrics('ping')],
    ['token', (client) => client.token()],
    ['pin', (client) => client.pin(cid)],
    ['unpin', (client) => client.unpin(cid)],
    ['allocation', (client) => client.allocation(cid)],
    ['allocations', (client) => Array.fromAsync(client.allocations('all'))],
    ['status', (client) => client.status(cid)],
    ['statusAll', (client) => Array.fromAsync(client.statusAll())],
    ['recover', (client) => client.recover(cid)],
    ['recoverAll', (client) => Array.fromAsync(client.recoverAll())],
    ['repoGc', (client) => client.repoGc()],
  ]

  test.each(calls)('of nothing is an error of %s, unless it is a list', async (name, call) => {
    await using server = await apiServer((_asked, response) => void response.writeHead(200).end())
    const client = new ClusterClient({ addresses: [server.url] })
    const isStream = ['peers', 'allocations', 'statusAll', 'recoverAll'].includes(name)
    if (isStream) expect(await call(client)).toEqual([])
    else await expect(call(client)).rejects.toMatchObject({ name: 'ApiError', code: 0, answered: true })
  })

  test.each(calls)('of the wrong shape is an error of %s', async (_name, call) => {
    for (const body of ['7', '"text"', '<html>', '{"a":[']) {
      await using server = await apiServer((_asked, response) => void response.writeHead(200).end(body))
      const client = new ClusterClient({ addresses: [server.url] })
      const failure = await call(client).catch((error: Error) => error)
      expect(failure).toMatchObject({ name: 'ApiError', answered: true })
      expect(String(failure)).toContain('is that the API of a cluster peer?')
    }
  })
})
