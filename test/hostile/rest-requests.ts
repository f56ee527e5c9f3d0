/** Requests to the REST API from a seeded generator: sound ones, and ones that are wrong in each of their parts. */
import { signToken } from '../../core/api/json-web-token.ts'
import type { SeededRandom } from '../sim/seeded-random.ts'

/** CIDs that a peer has without asking anybody: what they name is in them. */
const soundCids = ['bafkqaaa', 'bafkqabkqnrqws3q', 'bafyqaaa']
/** Content that nobody has. */
const unknownCids = [
  'bafkreienm6gfj72tzla67vwwe2l25nnaaverzuclqmri7wcbdou7ak4y44',
  'QmUgAgTVxq7UeY3Tbumz72fBsSvkUnveEgEkWvVquEvJVV',
]
const badCids = [
  '',
  '.',
  '..',
  '%',
  '%zz',
  '%00',
  '%ff',
  '"',
  '-1',
  'Qm',
  'bafy',
  'bafkqaaa%2F..',
  'x'.repeat(3_000),
]
const strangers = [
  '12D3KooWPu3hgXkV9VBtsuJ3FSA59QAv6h6cCMfEVxQCQQsa68RY',
  'QmNnooDu7bfjPFoTZYxMNLWUqJyrVwtbZg5gBMjTezGAJN',
]

const parameters = [
  ...['name', 'mode', 'replication', 'replication-min', 'replication-max', 'shard-size', 'user-allocations'],
  ...[
    'expire-at',
    'expire-in',
    'pin-update',
    'origins',
    'meta-a',
    'metadata',
    'local',
    'filter',
    'cids',
    'dry-run',
  ],
  ...[
    'format',
    'layout',
    'chunker',
    'hash',
    'cid-version',
    'raw-leaves',
    'wrap-with-directory',
    'shard',
    'progress',
  ],
  ...['no-pin', 'nocopy', 'stream-channels', 'hidden', '', '%00', '__proto__'],
]
const values = [
  ...[
    '',
    '0',
    '1',
    '-1',
    '2',
    '99999999999999999999',
    '1e9',
    'NaN',
    'true',
    'false',
    'TRUE',
    'yes',
    'null',
    '%00',
    '%ff',
  ],
  ...[
    '%F0%9F%90%88',
    '"',
    '<script>',
    '../..',
    'recursive',
    'direct',
    'all',
    'pinned,error',
    'pin',
    'bafkqaaa',
    'bafy',
  ],
  ...[
    'size-1',
    'size-0',
    'size-9999999',
    'rabin',
    'rabin-1-2-3',
    'buzhash',
    'sha2-256',
    'blake3',
    'identity',
    'md5',
  ],
  ...[
    'car',
    'unixfs',
    'trickle',
    'balanced',
    '1s',
    '1h',
    '-1h',
    '2030-01-01T00:00:00Z',
    '0001-01-01T00:00:00Z',
  ],
  ...[
    '/ip4/127.0.0.1/tcp/1',
    '/dns4/localhost/tcp/1/p2p/nobody',
    strangers[0]!,
    'x'.repeat(1_000),
    ','.repeat(100),
  ],
]

type Draw = (random: SeededRandom) => string

const cid: Draw = (random) =>
  random.chance(0.6) ? random.pick(soundCids) : random.pick([...unknownCids, ...badCids])
const targets: Draw[] = [
  ...['/id', '/version', '/peers', '/add', '/allocations', '/pins', '/pins/recover', '/ipfs/gc', '/token'],
  ...[
    '/monitor/metrics',
    '/monitor/metrics/ping',
    '/health',
    '/health/graph',
    '/health/alerts',
    '/health/bandwidth',
  ],
  ...[
    '/',
    '/nope',
    '//id',
    '/../id',
    '/id/',
    '*',
    'http://example.org/id',
    '/pins/a/b/c',
    `/${'a/'.repeat(500)}`,
  ],
].map(
  (path): Draw =>
    () =>
      path,
)
targets.push(
  (random) => `/allocations/${cid(random)}`,
  (random) => `/pins/${cid(random)}`,
  (random) => `/pins/${cid(random)}/recover`,
  (random) => `/peers/${random.pick([...strangers, ...badCids])}`,
  (random) => `/monitor/metrics/${random.pick(badCids)}`,
  (random) =>
    `/pins/ipfs/${random.pick([...soundCids, ...badCids])}${random.pick(['', '/', '/x', '/x/y/z', '/%2e%2e/a', '/%00'])}`,
  (random) => `/pins/ipld/${random.pick(soundCids)}/${random.pick(values)}`,
  (random) => `/pins/ipns/${random.pick([...badCids, 'example.org', strangers[0]!, 'no_name'])}`,
)

const headers: Draw[] = [
  ...[
    'Accept: */*',
    'Accept:',
    'Expect: 100-continue',
    'Expect: nothing',
    'Range: bytes=0-1',
    'Authorization: Basic !!!',
  ],
  ...[
    'Authorization: Bearer a.b.c',
    'X-A: \u00ff\u00fe',
    'Connection: keep-alive, close',
    'TE: trailers',
    'Cookie: a=b',
  ],
  ...[
    'Access-Control-Request-Method: PUT',
    'If-None-Match: *',
    'Upgrade: websocket',
    ' folded',
    'no colon',
    ': no name',
  ],
  ...['Sp ace: x', 'Transfer-Encoding: gzip', 'Content-Length: -1', 'Content-Length: x', 'Content-Length: 5'],
  ...[
    'X-Nul: a\0b',
    'Host: two.example',
    'Origin: https://a.example',
    'Origin: null',
    'Sec-Fetch-Site: cross-site',
    'Content-Type: application/json',
    'Content-Encoding: gzip',
  ],
].map(
  (line): Draw =>
    () =>
      line,
)
headers.push(
  (random) => `X-Long: ${'y'.repeat(random.pick([1_000, 7_000, 70_000]))}`,
  (random) => `Authorization: Bearer ${signToken('nobody', random.pick(['', 'key']))}`,
  (random) => Array.from({ length: random.pick([20, 300]) }, (_, index) => `X-${index}: 1`).join('\r\n'),
)

const boundary = 'b0undary'
const part = (head: string, content: string) => `--${boundary}\r\n${head}\r\n\r\n${content}\r\n`
const file = (name: string, content: string, type = 'application/octet-stream') =>
  part(`Content-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: ${type}`, content)
const end = `--${boundary}--\r\n`

const forms: Draw[] = [
  (random) => `${file('a', 'x'.repeat(random.pick([0, 1, 10, 300_000])))}${end}`,
  (random) =>
    `${Array.from({ length: random.between(1, 40) }, (_, index) => file(`d/f${index}`, 'x')).join('')}${end}`,
  (random) =>
    `${file(random.pick(['../a', '/etc/passwd', 'a%00b', 'a%2F..%2Fb', '', '.', '%', 'a/'.repeat(300)]), 'x')}${end}`,
  () => `${file('d', '', 'application/x-directory')}${file('d/l', '../../etc', 'application/symlink')}${end}`,
  () => `${file('d', 'x')}${file('d/below-a-file', 'x')}${end}`,
  () => `${file('l', 't'.repeat(10_000), 'application/symlink')}${end}`,
  () => file('a', 'cut short'),
  () => `${file('a', 'x')}--${boundary}`,
  () => end,
  () => '',
  () => `${'preamble\r\n'.repeat(10_000)}${file('a', 'x')}${end}`,
  () => `${part('no colon', 'x')}${end}`,
  () => `${part(`X: ${'h'.repeat(20_000)}`, 'x')}${end}`,
  () => `${file('nested', `--inner\r\n\r\nx\r\n--inner--`, 'multipart/mixed; boundary=inner')}${end}`,
  (random) => `${file('a.car', Buffer.from(random.bytes(random.between(0, 200))).toString('latin1'))}${end}`,
  (random) => Buffer.from(random.bytes(random.between(1, 500))).toString('latin1'),
]
const jsonBodies: Draw[] = [
  (random) => JSON.stringify({ peer_id: random.pick([...badCids, 1, null, {}, []]) }),
  () => '{"peer_id":',
  () => '['.repeat(20_000),
  () => `{"peer_id":"${'x'.repeat(70_000)}"}`,
  () => '',
  (random) => Buffer.from(random.bytes(100)).toString('latin1'),
]

export interface FuzzRequest {
  /** In the encoding of latin1, as it goes over the wire. */
  text: string
  /** True when the peer may wait for more of it. The client goes away then. */
  mayWait: boolean
  /** The status that alone is right. */
  status?: number
}

/** The `index`-th request of a seed. */
export function fuzzRequest(random: SeededRandom): FuzzRequest {
  if (random.chance(0.03)) return garbage(random)
  const method = random.chance(0.9)
    ? random.pick(['GET', 'GET', 'POST', 'POST', 'POST', 'DELETE', 'HEAD', 'OPTIONS'])
    : random.pick(['PUT', 'PATCH', 'CONNECT', 'TRACE', 'get', 'BREW', 'A'.repeat(300), 'G T'])
  const path = random.pick(targets)(random)
  const target = `${path}${queryOf(random)}`
  const version = random.chance(0.97)
    ? 'HTTP/1.1'
    : random.pick(['HTTP/1.0', 'HTTP/9.9', 'HTTP/0.9', 'HTTP', 'ICY'])
  const lines = [`${method} ${target} ${version}`]
  if (random.chance(0.98)) lines.push('Host: 127.0.0.1')
  lines.push('Connection: close')
  while (random.chance(0.2)) lines.push(random.pick(headers)(random))
  const body = method === 'GET' || method === 'HEAD' ? '' : bodyOf(path, random, lines)
  const text = `${lines.join('\r\n')}\r\n\r\n${body}`
  const mayWait = lines
    .slice(1)
    .some((line) => /^(content-length: 5|transfer-encoding|expect|upgrade)/i.test(line))
  return { text, mayWait }
}

function queryOf(random: SeededRandom): string {
  const pairs: string[] = []
  while (random.chance(0.5)) pairs.push(`${random.pick(parameters)}=${random.pick(values)}`)
  if (random.chance(0.005)) pairs.push(...Array.from({ length: 900 }, (_, index) => `${index % 10}=`))
  return pairs.length === 0 ? random.pick(['', '', '', '?', '?&&=']) : `?${pairs.join('&')}`
}

/** Adds the headers of the body that it returns. */
function bodyOf(path: string, random: SeededRandom, lines: string[]): string {
  const isForm = path.startsWith('/add') ? random.chance(0.95) : random.chance(0.1)
  if (isForm) lines.push(`Content-Type: multipart/form-data; boundary=${boundary}`)
  else if (path !== '/peers' && random.chance(0.8)) return ''
  const body = random.pick(isForm ? forms : jsonBodies)(random)
  if (random.chance(0.8)) {
    lines.push(`Content-Length: ${body.length}`)
    return body
  }
  lines.push('Transfer-Encoding: chunked')
  const size = random.pick([1_000, 65_536])
  const chunks = Array.from({ length: Math.ceil(body.length / size) }, (_, index) =>
    body.slice(index * size, (index + 1) * size),
  )
  const broken = random.chance(0.1)
  const sizeOf = (chunk: string) =>
    broken ? random.pick(['zz', '-1', 'ffffffffffffffffff']) : chunk.length.toString(16)
  return `${chunks.map((chunk) => `${sizeOf(chunk)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`
}

/** What is no request at all, and what may become one. */
function garbage(random: SeededRandom): FuzzRequest {
  if (random.chance(0.3)) {
    const text = random.pick([
      'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n',
      'POST /add HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nhalf',
      '\r\n\r\n',
    ])
    return { text, mayWait: true }
  }
  const text = random.pick([
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    '\0'.repeat(100),
    `${Buffer.from(random.bytes(200)).toString('latin1')}\r\n\r\n`,
    'GET\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    '{"peer_id":"x"}\n',
  ])
  return { text, mayWait: false, status: 400 }
}
