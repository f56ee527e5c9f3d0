/** What people do around `cluster` in shells and scripts, against one peer with the embedded node. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { identity } from 'multiformats/hashes/identity'
import { EXECUTABLE, type Finished, hasExecutable, PeerProcess, whyMissing } from './peer-process.ts'

const timeout = 30_000

/** Content that is in its CID: it is pinned at once, and holds up nothing. */
function cidOf(text: string): CID {
  return CID.createV1(raw.code, identity.digest(new TextEncoder().encode(text)))
}

describe.skipIf(!hasExecutable)(`habits of the shell${whyMissing}`, () => {
  let peer: PeerProcess
  let api: string

  beforeAll(async () => {
    peer = await PeerProcess.make()
    await peer.start()
    api = await peer.api()
    const added = await Promise.all(
      Array.from({ length: 400 }, async (_, index) => {
        const url = `${api}/pins/${cidOf(`row ${index}`)}?name=${'n'.repeat(200)}`
        return (await fetch(url, { method: 'POST' })).status
      }),
    )
    expect(new Set(added)).toEqual(new Set([200]))
  }, timeout)
  afterAll(() => peer?.[Symbol.asyncDispose]())

  const sh = (script: string): Promise<Finished> => peer.run(['bash', '-c', script])
  const cluster = (...args: string[]): Promise<Finished> => peer.run([EXECUTABLE, ...args])

  describe('pins', () => {
    test(
      'of two CIDs of one content are two pins, and one outlives the other',
      async () => {
        await writeFile(join(peer.home, 'twice'), 'one content, two names')
        const v0 = CID.parse(
          (await peer.output('add', '--quieter', '--cid-version', '0', join(peer.home, 'twice'))).trim(),
        )
        const v1 = v0.toV1()
        await peer.output('pin', 'add', '--wait', `${v1}`)
        await peer.output('pin', 'rm', '--wait', `${v0}`)
        await peer.output('ipfs', 'gc')
        expect(await peer.output('status', `${v1}`)).toContain(': PINNED')
        expect((await fetch(`${peer.gateway}/ipfs/${v1}`)).status).toBe(200)
      },
      timeout,
    )
  })

  describe('input', () => {
    test(
      'that is empty is an empty file; no path and a device are refused',
      async () => {
        const empty = await sh('printf "" | cluster add --quieter -')
        expect([empty.exitCode, empty.stdout]).toEqual([
          0,
          'QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH\n',
        ])
        expect((await cluster('add')).exitCode).toBe(1)
        expect((await cluster('add', '/dev/null')).exitCode).toBe(1)
      },
      timeout,
    )

    test(
      'of a loop stays with the loop, and commands in parallel all count',
      async () => {
        const cids = Array.from({ length: 12 }, (_, index) => cidOf(`parallel ${index}`))
        const { exitCode } = await sh(
          `printf '%s\\n' ${cids.join(' ')} | xargs -P 12 -n 1 cluster pin add --no-status >/dev/null`,
        )
        expect(exitCode).toBe(0)
        const listed = await peer.output('pin', 'ls')
        for (const cid of cids) expect(listed).toContain(`${cid}`)
        const loop = await sh(
          `printf '%s\\n' ${cids.slice(0, 3).join(' ')} | while read c; do cluster pin rm --no-status $c; echo $c; done`,
        )
        expect(loop.stdout.match(/bafkq/g)?.length).toBeGreaterThanOrEqual(3)
        expect((await cluster('pin', 'add', `${cids[0]}`, `${cids[1]}`)).exitCode).toBe(1)
      },
      timeout,
    )

    test(
      'of two files of one name is refused, and neither is lost in silence',
      async () => {
        for (const folder of ['a', 'b']) {
          await mkdir(join(peer.home, folder), { recursive: true })
          await writeFile(join(peer.home, folder, 'x'), folder)
        }
        const { exitCode, stdout, stderr } = await cluster(
          'add',
          join(peer.home, 'a/x'),
          join(peer.home, 'b/x'),
        )
        expect(exitCode).toBe(2)
        expect(stdout + stderr).toContain('have the name')
      },
      timeout,
    )
  })

  describe('output', () => {
    test(
      'into a program that stops to read ends as one that is killed by SIGPIPE',
      async () => {
        // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell reads it.
        const { stdout } = await sh('cluster status | head -n 1 >/dev/null; echo ${PIPESTATUS[0]}')
        expect(stdout).toBe('141\n')
      },
      timeout,
    )

    test(
      'to a full disk fails',
      async () => {
        for (const command of ['pin ls', 'status', 'state export']) {
          const { exitCode } = await sh(`cluster ${command} > /dev/full`)
          expect([command, exitCode]).toEqual([command, 1])
        }
      },
      timeout,
    )

    test(
      'of one row is one line of JSON, and no array',
      async () => {
        const cid = cidOf('row 0')
        const body = await (await fetch(`${api}/pins?cids=${cid}`)).text()
        expect(body).toEndWith('}\n')
        expect(body.trim().split('\n').length).toBe(1)
        expect(JSON.parse(body).cid).toBe(`${cid}`)
        const peers = await (await fetch(`${api}/peers`)).text()
        expect(JSON.parse(peers).cluster_peers).toBeArray()
      },
      timeout,
    )

    test(
      'of the status of all for several readers is whole, and filters answer with little',
      async () => {
        const read = async (path: string) => (await fetch(`${api}${path}`)).text()
        const [first, second, third] = await Promise.all([read('/pins'), read('/pins'), read('/pins')])
        const rows = (text: string) => text.trim().split('\n').length
        expect(rows(first)).toBeGreaterThanOrEqual(400)
        expect([rows(second), rows(third)]).toEqual([rows(first), rows(first)])
        expect(rows(await read(`/pins?cids=${cidOf('row 1')},${cidOf('row 2')}`))).toBe(2)
      },
      timeout,
    )
  })

  describe('a host', () => {
    test(
      'that is dead is skipped, and the next one is asked',
      async () => {
        const port = new URL(api).port
        const alive = `/ip4/127.0.0.1/tcp/${port}`
        expect((await cluster('--host', `/ip4/127.0.0.1/tcp/1,${alive}`, 'id')).exitCode).toBe(0)
        const fromStdin = await sh(
          `printf host | cluster --host /ip4/127.0.0.1/tcp/1,${alive} add --quieter -`,
        )
        expect(fromStdin.exitCode).toBe(0)
      },
      timeout,
    )

    test(
      'is taken as web address and as multiaddr; host:port is refused with the form to use',
      async () => {
        const port = new URL(api).port
        expect((await cluster('--host', api, 'id')).exitCode).toBe(0)
        const refused = await cluster('--host', `127.0.0.1:${port}`, 'id')
        expect(refused.exitCode).toBe(1)
        expect(refused.stdout + refused.stderr).toContain('/ip4/')
      },
      timeout,
    )
  })

  describe('options', () => {
    test(
      'that are too large for a request change nothing, and the peer stays healthy',
      async () => {
        const cid = cidOf('large')
        const metadata = Array.from(
          { length: 1_000 },
          (_, index) => `meta-key${index}=${'v'.repeat(40)}`,
        ).join('&')
        for (const query of [metadata, `name=${'n'.repeat(100_000)}`]) {
          const { status } = await fetch(`${api}/pins/${cid}?${query}`, { method: 'POST' })
          expect(status).toBe(431)
        }
        expect((await fetch(`${api}/allocations/${cid}`)).status).toBe(404)
        expect((await cluster('id')).exitCode).toBe(0)
      },
      timeout,
    )

    test(
      'that cannot be kept are refused with the reason',
      async () => {
        const cid = `${cidOf('refused')}`
        const past = await fetch(`${api}/pins/${cid}?expire-at=2020-01-01T00:00:00Z`, { method: 'POST' })
        expect(past.status).toBeGreaterThanOrEqual(400)
        expect((await cluster('pin', 'add', '--expire-in', '-1h', cid)).exitCode).not.toBe(0)
        const copies = await cluster('pin', 'add', '--rmin', '3', cid)
        expect(copies.exitCode).toBe(2)
        expect(copies.stdout + copies.stderr).toContain('3')
        expect((await cluster('pin', 'add', '--rmin', '3', '--rmax', '2', cid)).exitCode).not.toBe(0)
        expect((await fetch(`${api}/allocations/${cid}`)).status).toBe(404)
      },
      timeout,
    )

    test(
      'that are sent fifty times at once make one pin',
      async () => {
        const cid = cidOf('fifty')
        const answers = await Promise.all(
          Array.from({ length: 50 }, () => fetch(`${api}/pins/${cid}?name=fifty`, { method: 'POST' })),
        )
        expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
        expect(
          (await peer.output('pin', 'ls')).split('\n').filter((line) => line.includes(`${cid}`)).length,
        ).toBe(1)
      },
      timeout,
    )
  })

  describe('an upload', () => {
    test(
      'that expects to be told to go on is taken',
      async () => {
        await writeFile(join(peer.home, 'two megabytes'), new Uint8Array(2_000_000))
        const { stdout } = await sh(
          `curl -s -o /dev/null -w '%{http_code}' -H 'Expect: 100-continue' -F file=@'${join(peer.home, 'two megabytes')}' ${api}/add`,
        )
        expect(stdout).toBe('200')
      },
      timeout,
    )
  })

  describe('a secret', () => {
    const secret = 'ab'.repeat(32)
    const init = (value: string) =>
      peer.run(
        [
          EXECUTABLE,
          '--config',
          join(peer.home, `secret ${crypto.randomUUID()}`),
          'init',
          '--ipfs',
          'embedded',
        ],
        {
          environment: { CLUSTER_SECRET: value },
        },
      )

    test(
      'in upper case is taken',
      async () => {
        expect((await init(secret.toUpperCase())).exitCode).toBe(0)
      },
      timeout,
    )

    test(
      'that is none is refused, and not shown',
      async () => {
        for (const value of [`0x${secret}`, 'hunter2hunter2']) {
          const { exitCode, stdout, stderr } = await init(value)
          expect([value, exitCode]).toEqual([value, 1])
          expect(stdout + stderr).not.toContain(value.trim())
        }
      },
      timeout,
    )
  })

  describe('a peer', () => {
    test(
      'that runs keeps its folder from a second one',
      async () => {
        const { exitCode, stderr } = await cluster('daemon')
        expect(exitCode).toBe(1)
        expect(stderr).toContain('process')
      },
      timeout,
    )

    test(
      'that was killed lists its pins from its files',
      async () => {
        const count = (text: string) => text.trim().split('\n').length
        const before = count(await peer.output('pin', 'ls'))
        await peer.stop('SIGKILL')
        const { exitCode, stdout } = await cluster('pin', 'ls')
        expect([exitCode, count(stdout)]).toEqual([0, before])
        await peer.start()
      },
      timeout,
    )
  })
})
