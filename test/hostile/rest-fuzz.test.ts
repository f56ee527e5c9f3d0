/**
 * Thousands of sound and broken requests to all routes of the built daemon, from a seed: each is answered, none is the peer's
 * fault, and nothing of them stays. `CLUSTER_FUZZ_REQUESTS` sets their number, `CLUSTER_FUZZ_SEED` the seed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { hasExecutable, whyMissing } from '../executable/peer-process.ts'
import { OurPeer } from '../interop/rig/our-peer.ts'
import { eventually, withLogs } from '../interop/rig/test-cluster.ts'
import { SeededRandom } from '../sim/seeded-random.ts'
import { type FuzzRequest, fuzzRequest } from './rest-requests.ts'

const requests = Number(process.env.CLUSTER_FUZZ_REQUESTS ?? 5_000)
const seed = Number(process.env.CLUSTER_FUZZ_SEED ?? 1)
const timeout = 300_000 + requests * 20
const clients = 12
/** ms that an answer may take; a guard against requests that hang. */
const answerTimeout = 30_000
/** ms after which a client goes away that has not sent a whole request. */
const patience = 50
/** Bytes of memory that the daemon may keep on top of what it had before. */
const mostGrowth = 256 * 1024 * 1024

/** What a peer on its own cannot do, however often it is asked: the request is sound. */
const notTheClientsFault = /not enough peers|stays with it/

describe.skipIf(!hasExecutable)(`requests of all kinds (seed ${seed})${whyMissing}`, () => {
  const stack = new AsyncDisposableStack()
  let peer: OurPeer

  beforeAll(async () => {
    peer = stack.use(await OurPeer.create())
    await peer.start()
  }, timeout)
  afterAll(() => stack.disposeAsync(), timeout)

  test(
    'are answered, none by a fault of the peer, and nothing of them stays open or in memory',
    () =>
      withLogs([peer], async () => {
        // The first requests of a process make it load code.
        await fuzz(0, 200)
        const before = { memory: memory(), files: openFiles() }
        const faults = await fuzz(200, requests)
        expect(faults).toEqual([])
        expect(peer.log()).not.toContain('ERROR')
        await eventually('all connections are closed', () => openFiles() <= before.files + clients, 30_000)
        await eventually('memory is as it was, almost', () => memory() - before.memory < mostGrowth, 30_000)
        expect((await peer.client.id()).id).toBe(peer.id)
      }),
    timeout,
  )

  /** Sends the requests `first` to `end` of the seed, some at a time. Gives those that were not answered as they should be. */
  async function fuzz(first: number, end: number): Promise<string[]> {
    const faults: string[] = []
    let next = first
    const client = async () => {
      while (next < end) {
        const index = next++
        const request = fuzzRequest(SeededRandom.of(seed, 'request', index))
        const { text } = request
        const problem = problemOf(await ask(text, request.mayWait), request)
        if (problem !== undefined)
          faults.push(`request ${index}: ${problem}\n${JSON.stringify(text.slice(0, 500))}`)
      }
    }
    await Promise.all(Array.from({ length: clients }, client))
    return faults.slice(0, 10)
  }

  /** All that comes back on a connection of its own until the peer closes it, or the client is tired of waiting. */
  function ask(text: string, mayWait: boolean): Promise<string> {
    const { hostname, port } = new URL(peer.restUrl)
    const { promise, resolve } = Promise.withResolvers<string>()
    const socket = connect(Number(port), hostname)
    const pieces: Buffer[] = []
    const timer = setTimeout(() => socket.destroy(), mayWait ? patience : answerTimeout)
    socket.on('data', (bytes) => pieces.push(bytes))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(Buffer.concat(pieces).toString('latin1'))
    })
    socket.write(text, 'latin1')
    return promise
  }

  function memory(): number {
    const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${peer.daemon.pid}/status`, 'utf8'))!
    return Number(kilobytes) * 1024
  }

  function openFiles(): number {
    return readdirSync(`/proc/${peer.daemon.pid}/fd`).length
  }
})

/** What is wrong with an answer; undefined when nothing is. */
function problemOf(answer: string, { mayWait, status }: FuzzRequest): string | undefined {
  const final = answer.replace(/^(HTTP\/1\.1 1\d\d [^\r]*\r\n([^\r]+\r\n)*\r\n)+/, '')
  if (final === '') return mayWait ? undefined : 'no answer'
  const [, code] = /^HTTP\/1\.1 (\d{3}) /.exec(final) ?? []
  if (code === undefined) return `not HTTP: ${final.slice(0, 200)}`
  const headEnd = final.indexOf('\r\n\r\n')
  const [head, body] = [final.slice(0, headEnd), final.slice(headEnd + 4)]
  if (status !== undefined && Number(code) !== status) return `${code} instead of ${status}`
  if (Number(code) >= 500 && !notTheClientsFault.test(body)) return final.slice(0, 500)
  // Its client may have gone away while it came.
  if (mayWait) return undefined
  if (/^transfer-encoding: chunked/im.test(head) && body !== '' && !/\r\n0\r\n/.test(`\r\n${body}`)) {
    return `the answer is cut short: ${final.slice(0, 200)}`
  }
  const isJson = Number(code) >= 400 && /^content-type: application\/json/im.test(head)
  if (isJson && body !== '' && !body.startsWith(`{"code":${code},"message":`)) {
    return `not the error of ${code}: ${final.slice(0, 300)}`
  }
  return undefined
}
