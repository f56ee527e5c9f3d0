/** A peer in the public network none of whose services outside answers as it should: stubs on loopback only. */
import { describe, expect, test } from 'bun:test'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { eventually } from '../support/network-peer.ts'
import { hasExecutable, PeerProcess, whyMissing } from './peer-process.ts'

describe.skipIf(!hasExecutable)(`a peer in the public network${whyMissing}`, () => {
  test('pins what the origin of a pin has while services are broken and more is asked for that nobody has', async () => {
    await using stack = new AsyncDisposableStack()
    const silent = stack.adopt(
      serve(() => new Promise<never>(() => undefined)),
      (server) => server.stop(true),
    )
    const loop = stack.adopt(
      serve((request) => Response.redirect(request.url, 302)),
      (server) => server.stop(true),
    )
    const broken = `http://127.0.0.1:${silent.port},http://127.0.0.1:${loop.port}`
    const provider = stack.use(await PeerProcess.make({ CLUSTER_EMBEDDED_NETWORK: 'public' }))
    await provider.start()
    const content = join(provider.home, 'content')
    await writeFile(content, 'had by the origin')
    const cid = (await provider.output('add', '--quieter', content)).trim()
    const { ipfs } = JSON.parse(await provider.output('id', '--json'))
    const seeker = stack.use(
      await PeerProcess.make({
        CLUSTER_EMBEDDED_NETWORK: 'public',
        CLUSTER_EMBEDDED_DELEGATEDROUTERS: broken,
        CLUSTER_EMBEDDED_TRUSTLESSGATEWAYS: broken,
      }),
    )
    await seeker.start()
    // More than `concurrent_pins`, and nobody has any of it.
    const api = await seeker.api()
    for (let index = 0; index < 14; index++) {
      const missing = CID.createV1(
        raw.code,
        await sha256.digest(new TextEncoder().encode(`nobody has ${index}`)),
      )
      const { status } = await fetch(`${api}/pins/${missing}`, { method: 'POST' })
      expect(status).toBe(200)
    }
    const origins = encodeURIComponent(ipfs.addresses[0])
    await fetch(`${api}/pins/${cid}?origins=${origins}`, { method: 'POST' })
    await eventually(
      'it is pinned',
      async () => (await seeker.output('status', cid)).includes(': PINNED'),
      45_000,
    )
    await eventually('both are named in the log', async () =>
      ['delegated_routers', 'trustless_gateways'].every((setting) =>
        seeker.log.includes(`ipfs_connector.embedded.${setting}`),
      ),
    )
    // Each failed some time, and then rested.
    expect(seeker.log.match(/fails and is asked less/g)?.length).toBe(4)
  }, 90_000)
})

function serve(answer: (request: Request) => Response | Promise<Response>) {
  return Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch: answer })
}
