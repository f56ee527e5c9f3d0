/** The gateway of the embedded node answers as Kubo's does: the same statuses, headers, files, CARs, TARs and records. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { extract } from 'it-tar'
import { caseTimeout } from '../unit/ipfs/compliance-calls.ts'
import { describeWithGo } from './rig/describe-with-go.ts'
import { type GatewayPair, startGatewayPair } from './rig/gateway-pair.ts'

interface Question {
  /** With names of `GatewayPair` in braces. */
  path: string
  headers?: Record<string, string>
  method?: string
}

const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

const files: Question[] = [
  { path: '/ipfs/{root}/hello.txt' },
  { path: '/ipfs/{root}/hello.txt', method: 'HEAD' },
  { path: '/ipfs/{root}/hello.txt/' },
  { path: '/ipfs/{root}/hello.txt?filename=saved.png&download=true' },
  { path: '/ipfs/{root}/without extension' },
  { path: '/ipfs/{root}/json without extension' },
  { path: '/ipfs/{root}/json without extension?format=json' },
  { path: '/ipfs/{root}/hello.txt', headers: { accept: 'application/json' } },
  { path: '/ipfs/{root}/page/' },
  { path: '/ipfs/{root}/page/', method: 'HEAD' },
  { path: '/ipfs/{root}/many/file%20123%20%C3%A9.txt' },
  { path: '/ipfs/{root}/tree/link' },
  { path: '/ipfs/{root}/tree/link', method: 'HEAD' },
  { path: '/ipfs/{upper}/hello.txt' },
  { path: '/ipfs/{base58}/hello.txt' },
  { path: '/ipfs/{root}/large' },
]

const ranges: Question[] = [
  ...['100-200000', '-100', '131000-', '5-9,100-200', '0-0', '0-1310740,0-1310740'].map((range) => ({
    path: '/ipfs/{root}/large',
    headers: { range: `bytes=${range}` },
  })),
  { path: '/ipfs/{root}/large', headers: { range: 'bytes=131000-' }, method: 'HEAD' },
  { path: '/ipfs/{root}/page/', headers: { range: 'bytes=6-8' } },
  { path: '/ipfs/{root}/hello.txt?format=raw', headers: { range: 'bytes=1-2' } },
  { path: '/ipfs/{dag-cbor}', headers: { range: 'bytes=1-2' } },
]

const trustless: Question[] = [
  { path: '/ipfs/{root}?format=car' },
  { path: '/ipfs/{root}/large?format=car' },
  { path: '/ipfs/{root}/large?format=car&dag-scope=entity&entity-bytes=70000:140000' },
  { path: '/ipfs/{root}/large?format=car&dag-scope=entity&entity-bytes=-10:*' },
  { path: '/ipfs/{root}/large?format=car&dag-scope=block' },
  { path: '/ipfs/{root}/many?format=car&dag-scope=entity' },
  { path: '/ipfs/{root}/page?format=car&dag-scope=entity' },
  { path: '/ipfs/{root}/many/file%20123%20%C3%A9.txt?format=car' },
  { path: '/ipfs/{root}/twice?format=car&car-dups=n' },
  {
    path: '/ipfs/{root}/twice',
    headers: { accept: 'application/vnd.ipld.car; version=1; order=dfs; dups=y' },
  },
  { path: '/ipfs/{dag-cbor}?format=car&dag-scope=block' },
  { path: '/ipfs/{root}/large?format=raw' },
  { path: '/ipfs/{root}/hello.txt', headers: { accept: 'application/vnd.ipld.raw' } },
  { path: '/ipfs/{dag-json}/link/hello.txt?format=raw' },
  { path: '/ipfs/{json}?format=raw', method: 'HEAD' },
]

const documents: Question[] = ['dag-cbor', 'dag-json', 'cbor', 'json'].flatMap((codec) => [
  { path: `/ipfs/{${codec}}` },
  { path: `/ipfs/{${codec}}`, method: 'HEAD' },
  { path: `/ipfs/{${codec}}?format=${codec}` },
  { path: `/ipfs/{${codec}}?format=${codec.replace('dag-', '')}` },
  { path: `/ipfs/{${codec}}`, headers: { accept: `application/${codec.replace('dag-', 'vnd.ipld.dag-')}` } },
  { path: `/ipfs/{${codec}}?filename=a.bin&download=true` },
])

const names: Question[] = [
  { path: '/ipns/{name}/' },
  { path: '/ipns/{name}/other.txt' },
  { path: '/ipns/{name}/other.txt?format=raw' },
  { path: '/ipns/{name}?format=ipns-record' },
  { path: '/ipns/{name}', headers: { accept: 'application/vnd.ipfs.ipns-record' } },
  { path: '/ipns/{name}?format=ipns-record', method: 'HEAD' },
]

const redirects: Question[] = [
  { path: '/ipfs/{root}/page' },
  { path: '/ipfs/{root}/page?download=true&x=y' },
  { path: '/ipfs/{root}/many' },
  { path: '/ipns/{name}' },
  { path: '/ipns/{peer}/other.txt?x=y' },
  { path: '/ipfs/ipfs/{root}/hello.txt?x=y' },
  { path: '/ipfs/ipns/{name}' },
  { path: '/ipfs/?uri=ipfs%3A%2F%2F{root}%2Fhello.txt' },
  { path: '/ipfs/{dag-cbor}', headers: html },
]

const pages: Question[] = [
  { path: '/ipfs/{root}/' },
  { path: '/ipfs/{root}/many/' },
  { path: '/ipfs/{root}/tree/' },
  { path: '/ipfs/{dag-cbor}/', headers: html },
  { path: '/ipfs/{dag-json}/', headers: html },
]

/** Statuses only: the words differ. */
const refusals: Question[] = [
  { path: '/ipfs/{root}/many/nothing' },
  { path: '/ipfs/{root}/hello.txt/below a file' },
  { path: '/ipfs/{root}/tree/link/below a link' },
  { path: '/ipfs/{root}/hello.txt', method: 'POST' },
  { path: '/ipfs/{root}/hello.txt', headers: { 'if-none-match': '*' } },
  { path: '/ipfs/{root}/large', headers: { range: 'bytes=99999999-' } },
  { path: '/ipfs/{root}', headers: { 'service-worker': 'script' } },
  { path: '/ipns/{name}', headers: { 'service-worker': 'script' } },
  { path: '/ipfs/{root}/hello.txt', headers: { 'service-worker': 'script' } },
  { path: '/ipfs/{root}/hello.txt?format=dag-json' },
  { path: '/ipfs/{dag-cbor}?format=dag-json' },
  { path: '/ipfs/{dag-json}', headers: { accept: 'application/vnd.ipld.dag-cbor' } },
  { path: '/ipfs/{dag-cbor}/a?format=dag-cbor' },
  { path: '/ipfs/{dag-cbor}/nothing' },
  { path: '/ipfs/{root}?format=ipns-record' },
  { path: '/ipns/{name}/other.txt?format=ipns-record' },
  { path: '/ipfs/no-cid' },
  { path: '/ipfs/?uri=https%3A%2F%2Fexample.org' },
]

/** With our status and that of Kubo. */
const differences: [Question, number, number][] = [
  [{ path: '/ipfs/{root}/hello.txt?format=zip' }, 406, 200],
  [{ path: '/ipfs/{root}/hello.txt', headers: { accept: 'application/vnd.ipld.dag-jose' } }, 406, 400],
  [{ path: '/ipfs/{json}?format=cbor' }, 406, 400],
  [{ path: '/ipfs/{root}/hello.txt', headers: { range: 'items=0-1' } }, 200, 400],
  [{ path: '/ipns/k51qzi5uqu5dlvj2baxnqndepeb86cbk3ng7n3i46uzyxzyqj2xjonzllnv0v8' }, 502, 500],
]

const comparedHeaders = [
  'content-type',
  'content-length',
  'content-range',
  'content-disposition',
  'content-location',
  'accept-ranges',
  'x-ipfs-roots',
  'cache-control',
  'etag',
  'location',
]
const corsHeaders = ['origin', 'methods', 'headers'].map((name) => `access-control-allow-${name}`)

await describeWithGo("the embedded node's gateway", ({ path: programs }) => {
  let pair: GatewayPair | undefined

  beforeAll(async () => {
    pair = await startGatewayPair(programs.ipfs)
  }, caseTimeout)
  afterAll(() => pair?.[Symbol.asyncDispose](), caseTimeout)

  const groups = { files, ranges, 'raw blocks and CARs': trustless, documents, names, redirects }
  for (const [group, questions] of Object.entries(groups)) {
    describe(`answers as Kubo does: ${group}`, () => {
      for (const question of questions) {
        test(nameOf(question), async () => {
          const { mine, kubos } = await askBoth(question)
          expect(mine.status).toBe(kubos.status)
          expect(headersOf(mine, question)).toEqual(headersOf(kubos, question))
          if (question.path.startsWith('/ipns/') && mine.status < 300) {
            // Ours says what is left, Kubo how long it was.
            expect(maxAge(mine)).toBeGreaterThan(0)
            expect(maxAge(mine)).toBeLessThanOrEqual(maxAge(kubos))
          }
          // Redirects have a text, which nobody reads.
          if (mine.status < 300) expect(Buffer.compare(mine.body, kubos.body)).toBe(0)
        })
      }
    })
  }

  describe('makes pages where Kubo does, with the same caching', () => {
    for (const question of pages) {
      test(nameOf(question), async () => {
        const { mine, kubos } = await askBoth(question)
        const layout = (etag: string | null) => etag?.replace(/Index-[^_]+/, 'Index-')
        expect(mine.status).toBe(kubos.status)
        expect(layout(mine.headers.get('etag'))).toBe(layout(kubos.headers.get('etag'))!)
        expect(typeOf(mine)).toBe(typeOf(kubos))
        // Kubo says nothing about documents; the specification allows both.
        const control = kubos.headers.get('cache-control')
        if (control !== null) expect(mine.headers.get('cache-control')).toBe(control)
      })
    }
  })

  test('packs the same files into a TAR', async () => {
    for (const path of ['/ipfs/{root}/tree?format=tar', '/ipfs/{root}/hello.txt?format=tar']) {
      const { mine, kubos } = await askBoth({ path })
      expect(await entriesOf(mine.body)).toEqual(await entriesOf(kubos.body))
      for (const header of ['content-type', 'etag', 'content-disposition', 'cache-control']) {
        expect(mine.headers.get(header)).toBe(kubos.headers.get(header)!)
      }
    }
  })

  test('lets pages of other origins read as much', async () => {
    const path = '/ipfs/{root}/hello.txt'
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'GET' }
    for (const method of ['GET', 'HEAD', 'OPTIONS']) {
      const { mine, kubos } = await askBoth({ path, method, headers })
      expect(mine.status).toBe(kubos.status)
      for (const header of [...corsHeaders, 'access-control-expose-headers']) {
        expect(listOf(mine, header)).toEqual(listOf(kubos, header))
      }
    }
  })

  test('knows the ETags that it gave, and those of Kubo', async () => {
    for (const path of [
      '/ipfs/{root}/hello.txt',
      '/ipfs/{root}/page/',
      '/ipfs/{dag-json}',
      '/ipns/{name}/',
    ]) {
      const { kubos } = await askBoth({ path })
      const again = await askBoth({ path, headers: { 'if-none-match': kubos.headers.get('etag')! } })
      expect([again.mine.status, again.kubos.status]).toEqual([304, 304])
    }
  })

  describe('refuses as Kubo does', () => {
    for (const question of refusals) {
      test(nameOf(question), async () => {
        const { mine, kubos } = await askBoth(question)
        expect(mine.status).toBe(kubos.status)
      })
    }
  })

  describe('differs from Kubo on purpose', () => {
    for (const [question, status, kuboStatus] of differences) {
      test(nameOf(question), async () => {
        const { mine, kubos } = await askBoth(question)
        expect([mine.status, kubos.status]).toEqual([status, kuboStatus])
      })
    }
  })

  async function askBoth(question: Question) {
    const [mine, kubos] = await Promise.all([ask(pair!.ours, question), ask(pair!.theirs, question)])
    return { mine, kubos }
  }

  async function ask(base: string, { path, headers = {}, method = 'GET' }: Question) {
    const address = path.replace(/\{([\w-]+)\}/g, (_, name) => pair!.names[name]!)
    const response = await fetch(base + address, { headers, method, redirect: 'manual' })
    return {
      status: response.status,
      headers: response.headers,
      body: Buffer.from(await response.arrayBuffer()),
    }
  }
})

interface Asked {
  status: number
  headers: Headers
  body: Uint8Array
}

/** Those that matter, and what is right to differ taken out. */
function headersOf(answer: Asked, { path, headers, method }: Question): Record<string, string> {
  const isCar = /format=car|vnd\.ipld\.car/.test(path + (headers?.accept ?? ''))
  const isRecord = /ipns-record/.test(path + (headers?.accept ?? ''))
  const found: Record<string, string> = {}
  for (const name of comparedHeaders) {
    // Kubo guesses the type of a part by that part.
    const isLaterPart = /^bytes [1-9]/.test(answer.headers.get('content-range') ?? '')
    if (isLaterPart && name === 'content-type') continue
    const value = name === 'content-type' ? typeOf(answer) : answer.headers.get(name)
    // ETags of CARs and records are made otherwise, and a CAR is saved under another name.
    if ((isCar || isRecord) && name === 'etag') continue
    if (isCar && name === 'content-disposition') continue
    if (path.startsWith('/ipns/') && name === 'cache-control') continue
    // Not all of Kubo's answers to HEAD have a length, nor have its CARs.
    if (name === 'content-length' && (isCar || answer.status >= 300 || method === 'HEAD')) continue
    if (answer.status >= 300 && name !== 'location') continue
    if (value !== null) found[name] = value
  }
  return found
}

/** Kubo leaves the charset of HTML out. */
function typeOf({ headers }: Asked): string | null {
  return headers.get('content-type')?.replace('html; charset=utf-8', 'html') ?? null
}

function maxAge({ headers }: Asked): number {
  return Number(/^public, max-age=(\d+)$/.exec(headers.get('cache-control') ?? '')?.[1])
}

function listOf({ headers }: Asked, name: string): string[] {
  return (headers.get(name) ?? '')
    .split(',')
    .map((each) => each.trim())
    .sort()
}

async function entriesOf(tar: Uint8Array): Promise<[string, string | undefined, string][]> {
  const entries: [string, string | undefined, string][] = []
  for await (const { header, body } of extract()([tar])) {
    const chunks: Uint8Array[] = []
    for await (const chunk of body) chunks.push(chunk.slice())
    const content = header.type === 'symlink' ? header.linkname! : Buffer.concat(chunks).toString('hex')
    entries.push([header.name.replace(/\/$/, ''), header.type, content])
  }
  return entries.sort(([a], [b]) => (a < b ? -1 : 1))
}

function nameOf({ path, headers, method = 'GET' }: Question): string {
  const named = Object.entries(headers ?? {}).map(([name, value]) => `${name}: ${value}`)
  return [method, path, ...named].join(' ')
}
