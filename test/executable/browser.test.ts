/** A page that a user of the machine has open in a real browser, and a peer that runs there as `cluster init` set it up. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Browser, hasBrowser, reboundName, whyNoBrowser } from './browser.ts'
import { hasExecutable, PeerProcess, whyMissing } from './peer-process.ts'

const timeout = 120_000
const planted = 'bafkqabkqnrqws3q'

/** What a page was able to do, as it saw it. */
interface Attempts {
  /** The pinset, or the name of the error. */
  list: string
  /** What comes of requests that need no leave of the peer to be sent. */
  blind: string[]
  /** An answer of the gateway, or the name of the error. */
  content: string
}

describe.skipIf(!hasExecutable || !hasBrowser)(`a page of another origin${whyMissing}${whyNoBrowser}`, () => {
  const stack = new AsyncDisposableStack()
  let peer: PeerProcess
  let cid: string
  let page: Page

  beforeAll(async () => {
    peer = stack.use(await PeerProcess.make())
    await peer.start()
    const file = join(peer.home, 'file')
    await writeFile(file, 'read by everybody')
    cid = (await peer.output('add', '--quieter', file)).trim()
    page = stack.use(servePage(await restOf(peer), peer.gateway, cid))
  }, timeout)
  afterAll(() => stack.disposeAsync(), timeout)

  for (const [what, host] of [
    ['of another port of the same name', '127.0.0.1'],
    ['of another name', 'localhost'],
    ['of a name that was made to lead here', reboundName],
  ] as const) {
    test(
      `${what} neither reads the pinset nor changes it, and reads content through the gateway`,
      async () => {
        await expectNothing(`http://${host}:${page.port}/`)
      },
      timeout,
    )
  }

  test(
    'that is itself content of the gateway neither reads the pinset nor changes it',
    async () => {
      const file = join(peer.home, 'page.html')
      await writeFile(file, page.html)
      const hostile = (await peer.output('add', '--quieter', '--no-pin', file)).trim()
      await expectNothing(`${peer.gateway}/ipfs/${hostile}`)
    },
    timeout,
  )

  async function expectNothing(url: string): Promise<void> {
    const before = await peer.output('pin', 'ls')
    const { list, blind, content } = await attemptsOf(page, url)
    expect(list).toBe('TypeError')
    expect(blind).toHaveLength(4)
    expect(await peer.output('pin', 'ls')).toBe(before)
    expect(content).toBe('read by everybody')
  }

  test(
    'that the operator named reads the pinset and changes it',
    async () => {
      const free = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
      const { port } = free
      await free.stop(true)
      await using trusting = await PeerProcess.make({
        CLUSTER_RESTAPI_CORSALLOWEDORIGINS: `http://127.0.0.1:${port}`,
      })
      await trusting.start()
      await using named = servePage(await restOf(trusting), trusting.gateway, 'bafkqaaa', port!)
      const { list } = await attemptsOf(named, `http://127.0.0.1:${port}/`)
      expect(list).toBe('')
      expect(await trusting.output('pin', 'ls')).toContain(planted)
    },
    timeout,
  )
})

async function restOf(peer: PeerProcess): Promise<string> {
  const { api } = JSON.parse(await Bun.file(join(peer.home, '.ipfs-cluster/service.json')).text())
  const [address] = [api.restapi.http_listen_multiaddress].flat()
  return `127.0.0.1:${address.split('/').at(-1)}`
}

interface Page extends AsyncDisposable {
  port: number
  html: string
  /** Resolves with what the next page that is opened has found out. */
  next(): Promise<Attempts>
}

/** `rest` and `gateway`: where the peer listens. */
function servePage(rest: string, gateway: string, cid: string, port = 0): Page {
  let told = Promise.withResolvers<Attempts>()
  const server = Bun.serve({
    port,
    hostname: '127.0.0.1',
    async fetch(request) {
      const { pathname } = new URL(request.url)
      if (pathname === '/told') {
        told.resolve((await request.json()) as Attempts)
        return new Response()
      }
      return new Response(html, { headers: { 'content-type': 'text/html' } })
    },
  })
  const answerTo = `http://127.0.0.1:${server.port}/told`
  const script = `(${attack})(${JSON.stringify({ rest, gateway, cid, planted, reboundName, answerTo })})`
  const html: string = `<!doctype html><title>page</title><body><script>${script}</script>`
  return {
    port: server.port!,
    html,
    next() {
      told = Promise.withResolvers()
      return told.promise
    },
    async [Symbol.asyncDispose]() {
      await server.stop(true)
    },
  }
}

async function attemptsOf(page: Page, url: string): Promise<Attempts> {
  const told = page.next()
  await using _browser = await Browser.open(url)
  return await told
}

/** What is used here of the elements of a page. */
interface PageElement {
  [property: string]: unknown
  append(child: PageElement): void
  submit(): void
}

interface PageGlobals {
  document: { body: PageElement; createElement(tag: string): PageElement }
  location: { hostname: string }
}

interface Target {
  rest: string
  gateway: string
  cid: string
  planted: string
  reboundName: string
  answerTo: string
}

/** Runs in the page, which has nothing but what is in here. */
async function attack({ rest, gateway, cid, planted, reboundName, answerTo }: Target): Promise<void> {
  const { document, location } = globalThis as unknown as PageGlobals
  // A name that was made to lead here is what the browser says that it asks, too.
  const isRebound = location.hostname === reboundName
  const api = `http://${isRebound ? rest.replace('127.0.0.1', reboundName) : rest}`
  const nameOf = (error: unknown) => (error as Error).name
  const read = (url: string) => fetch(url).then((answer) => answer.text(), nameOf)

  const blind: string[] = []
  const send = (url: string, init: RequestInit) =>
    fetch(url, { ...init, mode: 'no-cors' }).then(
      () => blind.push(`${init.method} was sent`),
      (error) => blind.push(nameOf(error)),
    )
  const list = await read(`${api}/allocations`)
  await send(`${api}/pins/${planted}?name=planted`, { method: 'POST' })
  await send(`${api}/pins/${cid}?expire-in=1s`, { method: 'POST' })
  await send(`${api}/ipfs/gc`, { method: 'POST' })
  const form = new FormData()
  form.append('file', new Blob(['planted by a form']), 'planted')
  await send(`${api}/add`, { method: 'POST', body: form })
  await fetch(`${api}/pins/${cid}`, { method: 'DELETE' }).catch(() => undefined)

  const loaded = (element: PageElement) =>
    new Promise((resolve) => {
      element.onload = element.onerror = resolve
      document.body.append(element)
    })
  const image = document.createElement('img')
  image.src = `${api}/pins/${planted}`
  await loaded(image)
  const frame = document.createElement('iframe')
  frame.name = 'frame'
  document.body.append(frame)
  const submitted = document.createElement('form')
  Object.assign(submitted, { method: 'POST', action: `${api}/pins/${planted}`, target: 'frame' })
  document.body.append(submitted)
  const shown = new Promise((resolve) => {
    frame.onload = resolve
  })
  submitted.submit()
  await shown

  const content = await read(`${gateway}/ipfs/${cid}`)
  await fetch(answerTo, { method: 'POST', mode: 'no-cors', body: JSON.stringify({ list, blind, content }) })
}
