/** Scripts read what `ipfs-cluster-ctl` prints: the same answers of a peer must give the same output and exit code here. */
import { expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { run } from '../unit/cli/program.ts'
import { type Answerer, type ApiServer, apiServer, sendJson, sendLines } from '../unit/client/api-server.ts'
import { describeWithGo } from './rig/describe-with-go.ts'

const cid = 'QmU6gJLzou116aQFoUzRmvEkdnoDgECia5C5vAM2ac1nRM'
const raw = 'bafkreienm6gfj72tzla67vwwe2l25nnaaverzuclqmri7wcbdou7ak4y44'
const [peerA, peerB] = [
  '12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5',
  '12D3KooWPu3hgXkV9VBtsuJ3FSA59QAv6h6cCMfEVxQCQQsa68RY',
]

const pin = {
  replication_factor_min: -1,
  replication_factor_max: -1,
  name: 'n1',
  mode: 'recursive',
  shard_size: 0,
  user_allocations: null,
  expire_at: '0001-01-01T00:00:00Z',
  metadata: { k: '<v>' },
  pin_update: null,
  origins: [],
  cid: raw,
  type: 'pin',
  allocations: [],
  max_depth: -1,
  reference: null,
  timestamp: '2026-11-23T00:42:31Z',
}

const pins = [
  pin,
  {
    ...pin,
    name: '',
    mode: 'direct',
    max_depth: 0,
    replication_factor_min: 1,
    replication_factor_max: 3,
    allocations: [peerB, peerA],
    expire_at: '2026-11-24T02:45:12.5+02:00',
    metadata: null,
    timestamp: '0001-01-01T00:00:00Z',
  },
  { ...pin, type: 'meta-pin', max_depth: 2 },
  { ...pin, type: 'clusterdag-pin', max_depth: 0, mode: 'direct' },
  { ...pin, type: 'shard-pin', max_depth: 1, shard_size: 123_456_789_012 },
]

const status = {
  cid: raw,
  name: 'n1',
  allocations: [],
  origins: [],
  created: '2026-11-23T00:42:31Z',
  metadata: { k: 'v' },
  peer_map: {
    [peerA!]: {
      peername: '',
      status: 'remote',
      timestamp: '2026-11-23T00:42:31+02:00',
      error: 'bad & ugly',
      attempt_count: 3,
      priority_pin: true,
    },
    [peerB!]: {
      peername: 'peer1',
      ipfs_peer_id: peerA,
      status: 'pinned',
      timestamp: '2026-11-23T00:42:31.5Z',
      error: '',
      attempt_count: 0,
      priority_pin: false,
    },
  },
}

const identity = {
  id: peerB,
  addresses: [`/ip4/127.0.0.1/tcp/2/p2p/${peerB}`, `/ip4/127.0.0.1/tcp/1/p2p/${peerB}`],
  cluster_peers: [peerB, peerA],
  cluster_peers_addresses: [],
  version: '1.1.6',
  commit: '',
  rpc_protocol_version: '/ipfscluster/1.0/rpc',
  error: '',
  ipfs: { id: peerA, addresses: [`/ip4/127.0.0.1/tcp/3/p2p/${peerA}`], error: '' },
  peername: 'peer1',
}

const silent = { ...identity, id: peerA, error: 'no <answer>' }
const refusedRemoval = { code: 500, message: 'crdt consensus component cannot remove peers' }

const gc = {
  peer_map: {
    [peerA!]: { peer: peerA, peername: '', keys: [], error: 'down' },
    [peerB!]: { peer: peerB, peername: 'peer2', keys: [{ key: raw }, { key: null, error: 'oops' }] },
  },
}

const [ipfsA, ipfsB, stranger] = [
  '12D3KooWGCocmr8zPpA5vZK7F6hJNG8bCvRt7uRPFCcFsrzQMxAi',
  '12D3KooWLtd2VFzVJWh8DxKjqDpQkVq4rD9LVDvLVLDwqKcdtHLH',
  'QmQnAZsyiJSovuqg8zjP3nKdm6Pwb75Mpn8HnGyD5WYZ15',
]

const peerC = '12D3KooWEKyPsvgm7g8vyRA59466ph3t9VLxEUFzNqTXHJdfY2Wq'

const graph = {
  cluster_id: peerB,
  id_to_peername: { [peerA!]: 'peer2', [peerB!]: 'peer1' },
  ipfs_links: { [ipfsB!]: [stranger, ipfsA], [ipfsA!]: [ipfsB] },
  cluster_links: { [peerB!]: [peerA, peerC], [peerA!]: [peerB], [peerC]: [] },
  cluster_trust_links: { [peerA!]: true, [peerB!]: true, [peerC]: false },
  cluster_to_ipfs: { [peerA!]: ipfsA, [peerB!]: ipfsB },
}

/** Far from where one unit becomes another, so that both programs say the same of it. */
const ago = (seconds: number) =>
  BigInt(Math.round(Date.now() / 1000 - seconds)) * 1_000_000_000n + 500_000_000n

const metricText = (name: string, value: string, weight: string, expire: bigint) =>
  `{"name":"${name}","peer":"${peerA}","value":${JSON.stringify(value)},"expire":${expire},"valid":true,` +
  `"weight":${weight},"partitionable":false,"received_at":1795394826734865373}`

const metricTexts: Record<string, () => string[]> = {
  ping: () => [
    metricText('ping', '{"peer_name":"<p>"}', '0', ago(-4_000)),
    metricText('ping', '', '0', ago(90)),
  ],
  freespace: () =>
    ['0', '9', '5449', '9999975214', '9223372036854775807'].map((weight) =>
      metricText('freespace', weight, weight, ago(-90 * 86_400)),
    ),
}

const alertTexts = () =>
  [90, 5_400, 3 * 86_400, 600 * 86_400].map((seconds) =>
    metricText('ping', '', '0', ago(seconds)).replace(
      /}$/,
      `,"triggered_at":"${new Date(Date.now() - seconds * 500).toISOString()}"}`,
    ),
  )

const bandwidth = {
  '': { total_in: 239, total_out: 0, rate_in: 0, rate_out: 0 },
  '/a/protocol/with/a/very/long/name/1.0.0': { total_in: 123_456_789, total_out: 1, rate_in: 1, rate_out: 2 },
  '/ipfs/id/1.0.0': { total_in: 632, total_out: 5_449, rate_in: 0.006, rate_out: 1234.567 },
}

const added = [
  { name: 'f1', cid, size: 15, allocations: [peerB] },
  { name: '', cid: raw, size: 15 },
]

const answer: Answerer = ({ method, url }, response) => {
  const path = url.split('?')[0]!
  const metrics = /^\/monitor\/metrics\/(.+)/.exec(path)?.[1]
  if (path === '/peers' && method === 'GET') return sendLines(response, [identity, silent])
  if (path.startsWith('/peers/')) return sendJson(response, refusedRemoval, 500)
  if (path === '/health/graph') return sendJson(response, graph)
  if (path === '/health/bandwidth') return sendJson(response, bandwidth)
  if (path === '/monitor/metrics') return sendJson(response, ['tag:group', 'ping'])
  if (metrics !== undefined) return sendText(response, `[${(metricTexts[metrics]?.() ?? []).join(',')}]`)
  if (path === '/health/alerts') return sendText(response, `[${alertTexts().join(',')}]`)
  if (path === '/id') sendJson(response, identity)
  else if (path === '/allocations') sendLines(response, pins)
  else if (path.startsWith('/allocations/')) {
    sendJson(response, { code: 404, message: 'pin is not part of the pinset' }, 404)
  } else if (path === '/pins') sendLines(response, [status, { ...status, name: '' }])
  else if (path === '/pins/recover') sendLines(response, [status], 'half way')
  else if (path === '/ipfs/gc') sendJson(response, gc)
  else if (path === '/add') sendLines(response, added)
  else if (path.startsWith('/pins/ipfs/') && method === 'POST') sendJson(response, { ...pin, origins: null })
  else if (path.startsWith('/pins/ipfs/')) sendJson(response, pin)
  else sendJson(response, status)
}

const commandLines = [
  'id',
  '--enc=json id',
  'peers ls',
  '--enc=json peers ls',
  `peers rm ${peerA}`,
  `--enc=json peers rm ${peerA}`,
  'peers rm nobody',
  'health graph',
  '--enc=json health graph',
  'health graph --all-ipfs-peers',
  'health metrics',
  '--enc=json health metrics',
  'health metrics ping',
  'health metrics freespace',
  'health metrics tag:group',
  '--enc=json health metrics tag:group',
  'health alerts',
  'health bandwidth',
  '--enc=json health bandwidth',
  'pin ls',
  '--enc json pin ls',
  `pin ls ${cid}`,
  `--enc=json pin ls ${cid}`,
  'pin ls nocid',
  'status',
  '--encoding json status',
  `status --local ${cid}`,
  `status ${cid} ${raw}`,
  'status --filter nonsense',
  'recover',
  `recover ${cid}`,
  'ipfs gc',
  '--enc=json ipfs gc --local',
  'add FILE',
  'add --quiet FILE',
  'add -Q FILE',
  '--enc=json add FILE',
  '--enc=json add -Q FILE',
  '--enc=json add --no-stream FILE',
  '--enc=json add --no-stream -Q FILE',
  'add --no-stream FILE',
  'add --format car -w FILE',
  'add',
  'add --nocopy FILE',
  'add --wait FILE',
  `pin add -rmin 2 --name foo ${cid} --no-status`,
  `--enc=json pin add --no-status ${cid}`,
  `pin add --allocations xx ${cid}`,
  `pin add --metadata xx ${cid}`,
  `pin add --expire-in xx ${cid}`,
  `pin add --wait --wait-timeout 5s ${cid}`,
  `pin rm --no-status ${cid}`,
  `pin rm --wait --wait-timeout 1100ms ${cid}`,
  `pin update --no-status ${cid} /ipfs/${raw}`,
  'nonsense',
  'pin nonsense',
]

/** As `ipfs-cluster-ctl` prints it on stdout, with the message. */
const apiError = /An error occurred:\n {2}Code: \d+\n {2}Message: (.*)\n/

await describeWithGo("the original's client", ({ path }) => {
  test.each(commandLines)('prints the same for: %s', async (line) => {
    await using folder = await temporaryFolder()
    await using theirServer = await apiServer(answer)
    await using ourServer = await apiServer(answer)
    await writeFile(`${folder.path}/file`, 'content')
    const argsFor = ({ multiaddr }: ApiServer) => [
      '--host',
      multiaddr,
      ...line.replace('FILE', `${folder.path}/file`).split(' '),
    ]
    const theirs = Bun.spawn([path['ipfs-cluster-ctl'], ...argsFor(theirServer)], {
      stdout: 'pipe',
      stderr: 'ignore',
    })
    const [expected, code, ours] = await Promise.all([
      new Response(theirs.stdout).text(),
      theirs.exited,
      run(argsFor(ourServer), { folder: folder.path }),
    ])
    expect(requestsOf(ourServer)).toEqual(requestsOf(theirServer))
    // Errors of the API go to stderr here, as `docs/compatibility.md` says; the rest of the output is the same.
    const [, error] = expected.match(apiError) ?? []
    expect(ours.stdout).toBe(expected.replace(apiError, ''))
    if (error !== undefined) expect(ours.stderr).toContain(error)
    expect(ours.code).toBe(code)
  })
})

function sendText(response: ServerResponse, json: string): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(json)
}

/** What was asked, each once: a wait asks again and again. */
function requestsOf({ asked, url }: ApiServer): string[] {
  const requests = asked.map(({ method, url: path }) => {
    const { pathname, searchParams } = new URL(path, url)
    searchParams.sort()
    return `${method} ${pathname}?${searchParams}`
  })
  return [...new Set(requests)]
}
