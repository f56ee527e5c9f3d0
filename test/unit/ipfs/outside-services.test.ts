/** Routers, gateways and nodes to begin with that are closed, sold, silent or hostile by now: stubs on loopback only. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { EmbeddedConfig } from '../../../core/ipfs/embedded/config.ts'
import { createEmbeddedIpfs } from '../../../core/ipfs/embedded/embedded-ipfs.ts'
import { findProvidersAt } from '../../../core/ipfs/embedded/exchange/delegated-routers.ts'
import { redirectTarget } from '../../../core/ipfs/embedded/exchange/outside-request.ts'
import { servicesAt, type WebService } from '../../../core/ipfs/embedded/exchange/outside-service.ts'
import { TrustlessGateways } from '../../../core/ipfs/embedded/exchange/trustless-gateways.ts'
import type { LogFields, Logger, Runtime } from '../../../core/runtime/ports.ts'
import { createSystemRuntime } from '../../../core/runtime/system.ts'
import { DrivenClock } from '../../support/driven-clock.ts'
import { eventually } from '../../support/network-peer.ts'
import { certificate, privateKey } from '../api/localhost-certificate.ts'
import { expectIpfsError, pinOptions, putAll } from './compliance-calls.ts'
import { fileTree, rawBlock, textBytes } from './dag-fixtures.ts'
import { loopback, startNode, temporaryFolder } from './embedded-node.ts'

interface Stub extends AsyncDisposable {
  url: string
  asked: number
}

type Answer = (request: Request) => Response | Promise<Response>

const page = '<html>This domain is for sale</html>'

/** What may have become of a service. */
const fates: Record<string, Answer> = {
  'a page in the place of the answer': () => new Response(page, { headers: { 'content-type': 'text/html' } }),
  'the page as JSON': () => new Response(page, { headers: { 'content-type': 'application/json' } }),
  'JSON lines that are none': () =>
    new Response(page, { headers: { 'content-type': 'application/x-ndjson' } }),
  'an error': () => new Response('no', { status: 500 }),
  'that it is gone': () => new Response('gone', { status: 410 }),
  'too many requests': () => new Response('no', { status: 429 }),
  'a redirect to itself': (request) => Response.redirect(request.url, 302),
  'redirects without end': (request) => Response.redirect(`${request.url}x`, 307),
  'a redirect to no web address': () =>
    new Response('', { status: 301, headers: { location: 'file:///etc/passwd' } }),
  'an answer that never ends': () =>
    new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536)) }), {
      headers: { 'content-type': 'application/json' },
    }),
  silence: () => new Promise<never>(() => undefined),
}

describe('a service that is', () => {
  const asks: Record<string, (service: WebService, clock: DrivenClock) => (cid: CID) => Promise<unknown>> = {
    router: (service, clock) => async (cid) => {
      for await (const _ of findProvidersAt(service, cid, clock, new AbortController().signal));
    },
    gateway: (service, clock) => {
      const gateways = new TrustlessGateways([service], clock)
      return async (cid) => expect(await gateways.fetch(cid, new AbortController().signal)).toBeUndefined()
    },
  }
  for (const [kind, makeAsk] of Object.entries(asks)) {
    for (const [fate, answer] of Object.entries(fates)) {
      test(`a ${kind} and answers with ${fate} is asked less and less often, and warned of once`, async () => {
        await using stub = serve(answer)
        const clock = new DrivenClock()
        const { logger, warnings } = recordingLogger()
        const [service] = servicesAt([`${stub.url}/?token=secret`], 'delegated_routers', { clock, logger })
        const ask = makeAsk(service!, clock)
        const { cid } = await rawBlock(textBytes('wanted'))
        const began = clock.monotonic()
        let rounds = 0
        while (clock.monotonic() < began + 3_600_000) {
          rounds++
          await withTimePassing(
            clock,
            ask(cid).catch(() => undefined),
          )
          clock.run(20_000)
        }
        expect(rounds).toBeGreaterThan(150)
        // 10 s, 20 s, … 10 min: about 11 tries in an hour, of four requests at most; a gateway may say 410 a few times.
        expect(stub.asked).toBeGreaterThan(5)
        expect(stub.asked).toBeLessThan(60)
        expect(warnings.length).toBe(1)
        expect(warnings[0]).toContain('ipfs_connector.embedded.delegated_routers')
        expect(warnings[0]).toContain(stub.url)
        expect(warnings[0]).not.toContain('secret')
      }, 20_000)
    }
  }

  test('back is used at once, and the log says so once', async () => {
    const block = await rawBlock(textBytes('at the gateway again'))
    let isBroken = true
    await using stub = serve(() =>
      isBroken ? new Response('no', { status: 503 }) : new Response(block.bytes as Uint8Array<ArrayBuffer>),
    )
    const clock = new DrivenClock()
    const { logger, warnings, news } = recordingLogger()
    const gateways = new TrustlessGateways(
      servicesAt([stub.url], 'trustless_gateways', { clock, logger }),
      clock,
    )
    const ask = () => gateways.fetch(block.cid, new AbortController().signal)
    expect(await ask()).toBeUndefined()
    isBroken = false
    expect(await ask()).toBeUndefined()
    clock.run(10_001)
    expect((await ask())?.bytes).toEqual(block.bytes)
    expect((await ask())?.bytes).toEqual(block.bytes)
    expect(warnings.length).toBe(1)
    expect(news.length).toBe(1)
    expect(news[0]).toContain('works again')
  })

  test('left alone for as long as it asks for', async () => {
    await using stub = serve(() => new Response('no', { status: 429, headers: { 'retry-after': '120' } }))
    const clock = new DrivenClock()
    const { logger } = recordingLogger()
    const gateways = new TrustlessGateways(
      servicesAt([stub.url], 'trustless_gateways', { clock, logger }),
      clock,
    )
    const { cid } = await rawBlock(textBytes('later'))
    for (const pause of [0, 60_000, 59_000, 2_000]) {
      clock.run(pause)
      await gateways.fetch(cid, new AbortController().signal)
    }
    expect(stub.asked).toBe(2)
  })

  test('silent holds up one request at a time after its first failure', async () => {
    let waiting = 0
    let most = 0
    await using stub = serve((request) => {
      most = Math.max(most, ++waiting)
      request.signal.addEventListener('abort', () => waiting--)
      return new Promise<never>(() => undefined)
    })
    const clock = new DrivenClock()
    const { logger } = recordingLogger()
    const gateways = new TrustlessGateways(
      servicesAt([stub.url], 'trustless_gateways', { clock, logger }),
      clock,
    )
    const { cid } = await rawBlock(textBytes('silent'))
    await withTimePassing(clock, gateways.fetch(cid, new AbortController().signal))
    await eventually('the first request has ended', async () => waiting === 0)
    most = 0
    clock.run(10_001)
    const many = Array.from({ length: 20 }, () => gateways.fetch(cid, new AbortController().signal))
    await withTimePassing(clock, Promise.all(many))
    expect(most).toBe(1)
  })

  test('one with the certificate of another host is not used', async () => {
    await using stub = serve(() => new Response('not reached'), { cert: certificate, key: privateKey })
    const clock = new DrivenClock()
    const { logger, warnings } = recordingLogger()
    const gateways = new TrustlessGateways(
      servicesAt([stub.url], 'trustless_gateways', { clock, logger }),
      clock,
    )
    const { cid } = await rawBlock(textBytes('elsewhere'))
    expect(await gateways.fetch(cid, new AbortController().signal)).toBeUndefined()
    expect(stub.asked).toBe(0)
    expect(warnings[0]).toMatch(/certificate/i)
  })

  test('reached over TLS cannot send this node to a host without', () => {
    const from = new URL('https://router.example/routing/v1/providers/x')
    expect(() => redirectTarget('http://127.0.0.1:9094/id', from)).toThrow('from https to http')
    expect(redirectTarget('/elsewhere', from).href).toBe('https://router.example/elsewhere')
    expect(redirectTarget('https://other.example/', from).href).toBe('https://other.example/')
  })
})

describe('a node whose services outside are all broken', () => {
  let stack: AsyncDisposableStack
  let path: string
  let broken: Partial<EmbeddedConfig>
  let stubs: Stub[]

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    ;({ path } = stack.use(await temporaryFolder()))
    stubs = Object.values(fates).map((answer) => stack.use(serve(answer)))
    const nobody = 'http://127.0.0.1:1'
    const urls = [...stubs.map(({ url }) => url), nobody, stubs[0]!.url.replace('http:', 'https:')]
    broken = {
      network: 'public',
      delegatedRouters: urls,
      trustlessGateways: urls,
      bootstrap: [`/ip4/127.0.0.1/tcp/1/p2p/12D3KooWDrwtsLhFcuVgzLFvxMbp4hZLLsZHYTBNFLzrVKtj2BLi`],
    }
  })
  afterEach(() => stack.disposeAsync())

  test('pins what a connected node has, and what an origin of the pin has', async () => {
    const provider = stack.use(await startNode(join(path, 'provider')))
    const seeker = stack.use(await startNode(join(path, 'seeker'), broken))
    const address = (await provider.id()).addresses[0]!
    const atOrigin = await fileTree('at the origin', 4)
    await putAll(provider, [...atOrigin.leaves, atOrigin.root])
    await seeker.pin(atOrigin.root.cid, pinOptions({ origins: [address] }))
    const connected = await fileTree('at a connected node', 4)
    await putAll(provider, [...connected.leaves, connected.root])
    await seeker.pin(connected.root.cid, pinOptions())
    expect(await seeker.pinState(connected.root.cid)).toBe('recursive')
  }, 20_000)

  test('names each once in the log, with its setting, and stores nothing that they send', async () => {
    const { logger, warnings } = recordingLogger()
    const runtime: Runtime = {
      ...createSystemRuntime({ levels: { all: 'error', components: new Map() } }),
      logger,
    }
    const config = { ...loopback, ...broken }
    const seeker = stack.use(await createEmbeddedIpfs({ folder: join(path, 'seeker'), config, runtime }))
    const nowhere = await Promise.all(
      Array.from({ length: 12 }, (_, index) => rawBlock(textBytes(`nobody has ${index}`))),
    )
    const before = (await seeker.repoStat()).size
    const pins = nowhere.map(({ cid }) => seeker.pin(cid, pinOptions({ stallTimeout: 17_000 })))
    await Promise.all(pins.map((pin) => expectIpfsError(pin, 'stalled')))
    expect((await seeker.repoStat()).size).toBe(before)
    for (const [setting, names] of [
      ['delegated_routers', config.delegatedRouters],
      ['trustless_gateways', config.trustlessGateways],
      ['bootstrap', config.bootstrap],
    ] as const) {
      const told = warnings.filter((line) => line.includes(`ipfs_connector.embedded.${setting}`))
      for (const name of names) {
        const lines = told.filter((line) => line.includes(`"${name} fails`))
        expect([setting, name, lines.length]).toEqual([setting, name, 1])
      }
    }
    // 12 pins, 17 s, both kinds of service at each stub: a few requests, and not one after the other.
    for (const { asked } of stubs) expect(asked).toBeLessThan(200)
  }, 60_000)
})

function serve(answer: Answer, tls?: { cert: string; key: string }): Stub {
  const stub = { asked: 0 }
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    ...(tls && { tls }),
    fetch(request) {
      stub.asked++
      return answer(request)
    },
  })
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${server.port}`
  return Object.assign(stub, { url, [Symbol.asyncDispose]: () => server.stop(true) })
}

/** Lets the clock go on, in steps, until the task is done: what waits for an answer waits on that clock only. */
async function withTimePassing<Result>(clock: DrivenClock, task: Promise<Result>): Promise<Result> {
  let done = false
  const ended = task.finally(() => {
    done = true
  })
  // Real answers on loopback take their turns first.
  for (let turn = 0; !done; turn++) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    if (turn > 200) clock.run(1_000)
  }
  return ended
}

function recordingLogger(): { logger: Logger; warnings: string[]; news: string[] } {
  const warnings: string[] = []
  const news: string[] = []
  const into = (lines: string[]) => (message: string, fields?: LogFields) =>
    void lines.push(JSON.stringify([message, fields]))
  const logger: Logger = {
    debug: () => undefined,
    info: into(news),
    warn: into(warnings),
    error: into(warnings),
    component: () => logger,
  }
  return { logger, warnings, news }
}
