/** No text of another peer reaches a terminal as it is, whatever the command. */
import { expect, test } from 'bun:test'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { apiServer, sendJson } from '../client/api-server.ts'
import { run } from './program.ts'
import { addressOf } from './program-setup.ts'

const cid = 'QmP63DkAFEnDYNjDYBpyNDfttu1fvUw99x1brscPzpqmmq'
const evil = 'a\u001b[2J\u001b[31m\nb\r\t\u009b1m\u202ec'
const time = '2026-01-01T00:00:00Z'

const id = {
  ...{
    id: evil,
    addresses: [evil],
    cluster_peers: [],
    cluster_peers_addresses: [],
    version: evil,
    commit: '',
  },
  ...{
    rpc_protocol_version: '',
    error: '',
    ipfs: { id: evil, addresses: [evil], error: '' },
    peername: evil,
  },
}
const peerPin = {
  peername: evil,
  status: evil,
  timestamp: evil,
  error: evil,
  attempt_count: 0,
  priority_pin: false,
}
const status = { cid: evil, name: evil, peer_map: { [evil]: peerPin } }
const pin = {
  ...{
    cid: evil,
    name: evil,
    type: evil,
    mode: 'recursive',
    allocations: [evil],
    metadata: { [evil]: evil },
  },
  ...{
    replication_factor_min: 1,
    replication_factor_max: 2,
    max_depth: -1,
    expire_at: evil,
    timestamp: evil,
  },
}
const metric = {
  ...{ name: evil, peer: evil, value: evil, expire: 1, valid: true, weight: 0 },
  ...{ partitionable: false, received_at: 1, triggered_at: time },
}

const answers: Record<string, unknown> = {
  'GET /id': id,
  'GET /peers': id,
  'POST /peers': id,
  'GET /version': { version: evil },
  'GET /health/graph': {
    ...{ cluster_id: evil, id_to_peername: { [evil]: evil }, cluster_links: { [evil]: [evil] } },
    ...{ cluster_trust_links: {}, ipfs_links: { [evil]: [evil] }, cluster_to_ipfs: { [evil]: evil } },
  },
  'GET /health/alerts': [metric],
  'GET /health/bandwidth': { [evil]: { total_in: 1, total_out: 1, rate_in: 1, rate_out: 1 } },
  'GET /monitor/metrics': [evil],
  'GET /monitor/metrics/x': [metric],
  'POST /token': { token: evil },
  'GET /allocations': pin,
  [`GET /allocations/${cid}`]: pin,
  'GET /pins': status,
  [`GET /pins/${cid}`]: status,
  [`GET /pins/${encodeURIComponent(evil)}`]: status,
  [`POST /pins/ipfs/${cid}`]: pin,
  [`DELETE /pins/ipfs/${cid}`]: pin,
  'POST /pins/recover': status,
  [`POST /pins/${cid}/recover`]: status,
  'POST /ipfs/gc': {
    peer_map: { [evil]: { peer: evil, peername: evil, error: evil, keys: [{ error: evil }] } },
  },
  'POST /add': { name: evil, cid: evil },
}

const commands: string[][] = [
  ...[['id'], ['peers', 'ls'], ['version', '--server'], ['health', 'graph'], ['health', 'alerts']],
  ...[['health', 'bandwidth'], ['health', 'metrics'], ['health', 'metrics', 'x'], ['token']],
  ...[['pin', 'ls'], ['pin', 'ls', cid], ['status'], ['status', cid], ['pin', 'rm', cid, '--no-status']],
  ...[
    ['pin', 'add', cid, '--no-status'],
    ['pin', 'add', cid, '--dry-run'],
    ['pin', 'add', cid],
  ],
  ...[['recover'], ['recover', cid], ['ipfs', 'gc'], ['add', '-']],
  ['pin', 'update', cid, cid, '--no-status'],
  ['peers', 'add', '12D3KooWPu3hgXkV9VBtsuJ3FSA59QAv6h6cCMfEVxQCQQsa68RY'],
]

/** Control characters but the line break, and marks of direction. */
const harmful = /[^\P{Cc}\n]|[\u2028-\u202e]/u

test.each(commands.map((command) => [command.join(' '), command] as const))(
  '%s escapes what peers say',
  async (_name, command) => {
    await using folder = await temporaryFolder()
    await using server = await apiServer((asked, response) => {
      const answer = answers[`${asked.method} ${asked.url.replace(/\?.*$/, '')}`]
      if (answer === undefined) return sendJson(response, { code: 404, message: 'no such answer' }, 404)
      sendJson(response, answer)
    })
    const ran = await run([...command, ...addressOf(server)], { folder: folder.path, stdin: 'x' })
    expect(ran.stderr).toBe('')
    expect(ran.code).toBe(0)
    expect(ran.stdout).not.toMatch(harmful)
    expect(ran.stdout).toContain('a\\u001b[2J')
    // The second line of the name begins no line of its own.
    expect(ran.stdout).not.toMatch(/^b\\r/m)
  },
)

test('errors of a peer are escaped too, and JSON has all as it is', async () => {
  await using folder = await temporaryFolder()
  await using server = await apiServer((asked, response) => {
    if (asked.url === '/id') sendJson(response, id)
    else sendJson(response, { code: 500, message: evil }, 500)
  })
  const failed = await run(['version', '--server', ...addressOf(server)], { folder: folder.path })
  expect(failed).toMatchObject({ code: 2, stdout: '' })
  expect(failed.stderr).toStartWith('error: a\\u001b[2J')
  expect(failed.stderr).not.toMatch(harmful)
  const json = await run(['id', '--json', ...addressOf(server)], { folder: folder.path })
  expect(JSON.parse(json.stdout).peername).toBe(evil)
})
