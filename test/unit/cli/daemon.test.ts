import { describe, expect, test } from 'bun:test'
import { createServer } from 'node:net'
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary-folder.ts'
import { editService, initialisedFolder } from '../config/initialised-folder.ts'
import { type RunOptions, run, start } from './program.ts'

/** A peer with an embedded node that knows only loopback, and its API on a unix socket. */
async function confinedPeer(): Promise<TemporaryFolder> {
  const folder = await initialisedFolder({ ipfs: 'embedded', randomPorts: true })
  await editService(folder.path, (json) => {
    json.cluster.listen_multiaddress = '/ip4/127.0.0.1/tcp/0'
    json.cluster.mdns_interval = '0s'
    json.cluster.colour = 'blue'
    json.api.restapi.http_listen_multiaddress = `/unix/${folder.path}/api.sock`
    Object.assign(json.ipfs_connector.embedded, {
      network: 'cluster',
      swarm_listen_multiaddress: '/ip4/127.0.0.1/tcp/0',
      bootstrap: [],
      delegated_routers: [],
      trustless_gateways: [],
    })
  })
  return folder
}

interface RunningDaemon extends AsyncDisposable {
  log(): string
  /** Resolves when the log holds `text`. */
  says(text: string): Promise<void>
  stop(signal: NodeJS.Signals): Promise<number>
}

function startDaemon(args: string[], options: RunOptions): RunningDaemon {
  const program = start(['daemon', ...args], options)
  let log = ''
  const waiting = new Set<() => void>()
  const reading = (async () => {
    for await (const chunk of program.stderr.pipeThrough(new TextDecoderStream())) {
      log += chunk
      for (const look of waiting) look()
    }
    for (const look of waiting) look()
  })()
  return {
    log: () => log,
    says: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (log.includes(text)) resolve()
          else if (program.exitCode !== null) reject(new Error(`the daemon ended without "${text}":\n${log}`))
        }
        waiting.add(look)
        look()
      }),
    async stop(signal) {
      program.kill(signal)
      const code = await program.exited
      await reading
      return code
    },
    async [Symbol.asyncDispose]() {
      program.kill('SIGKILL')
      await program.exited
    },
  }
}

describe('the daemon', () => {
  test('starts, tells where it answers and what is odd, serves, and stops in order on SIGTERM', async () => {
    await using folder = await confinedPeer()
    const options = { folder: folder.path }
    await using daemon = startDaemon([], options)
    await daemon.says('** IPFS Cluster is READY **')
    const log = daemon.log()
    expect(log).toContain('WARN cluster')
    expect(log).toContain('cluster.colour is not a known key; it is kept and has no effect')
    expect(log).toMatch(/INFO cluster IPFS Cluster v1\.1\.6 listening on: /)
    expect(log).toMatch(/INFO cluster RESTAPI \(HTTP\): /)
    expect(log.match(/colour/g)).toHaveLength(1)
    expect((await run(['id'], options)).stdout).toContain('  > IPFS: 12D3KooW')

    const second = await run(['daemon'], options)
    expect(second.code).toBe(1)
    expect(second.stderr).toMatch(
      /error: .*cluster\.lock is held by process \d+: a peer runs on this folder already/,
    )

    expect((await run(['state', 'export'], options)).code).toBe(0)
    expect(await daemon.stop('SIGTERM')).toBe(0)
    expect(daemon.log()).toContain('stopping the peer')
    expect((await run(['state', 'check'], options)).code).toBe(0)
  })

  test.each(['SIGINT', 'SIGHUP'] as const)('stops in order on %s while it starts', async (signal) => {
    await using folder = await confinedPeer()
    await using daemon = startDaemon([], { folder: folder.path })
    await daemon.says('cluster.colour')
    expect(await daemon.stop(signal)).toBe(0)
  })

  test('refuses a port that is taken, in one line, and leaves the folder free', async () => {
    await using folder = await confinedPeer()
    const taken = createServer()
    await new Promise<void>((listening) => taken.listen(0, '127.0.0.1', listening))
    const { port } = taken.address() as { port: number }
    await editService(folder.path, (json) => {
      json.api.restapi.http_listen_multiaddress = `/ip4/127.0.0.1/tcp/${port}`
      delete json.cluster.colour
    })
    const ran = await run(['daemon'], { folder: folder.path })
    expect(ran.code).toBe(1)
    expect(ran.stderr.trim().split('\n').at(-1)).toMatch(new RegExp(`^error: .*${port}`))
    expect(ran.stderr).not.toContain('    at ')
    taken.close()
    expect((await run(['state', 'cleanup', '-f'], { folder: folder.path })).code).toBe(0)
  })

  test('without files says how to make them; the log can be JSON', async () => {
    await using folder = await confinedPeer()
    const missing = await run(['daemon'], { folder: `${folder.path}/none` })
    expect(missing).toMatchObject({ code: 1, stdout: '' })
    expect(missing.stderr).toContain('service.json: not found; `cluster init` makes a configuration')
    await using daemon = startDaemon(['--log-format', 'json', '--loglevel', 'info'], { folder: folder.path })
    await daemon.says('READY')
    for (const line of daemon.log().trim().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({ component: expect.any(String), message: expect.any(String) })
    }
    expect(await daemon.stop('SIGINT')).toBe(0)
  })

  test('makes the files itself when it is told to, and takes them the next time', async () => {
    await using folder = await temporaryFolder()
    const path = `${folder.path}/new`
    const environment = {
      CLUSTER_LISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
      CLUSTER_MDNSINTERVAL: '0s',
      CLUSTER_RESTAPI_HTTPLISTENMULTIADDRESS: `/unix/${folder.path}/api.sock`,
      CLUSTER_EMBEDDED_NETWORK: 'cluster',
      CLUSTER_EMBEDDED_SWARMLISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
      CLUSTER_EMBEDDED_GATEWAYLISTENMULTIADDRESS: '/ip4/127.0.0.1/tcp/0',
      CLUSTER_EMBEDDED_BOOTSTRAP: '',
      CLUSTER_EMBEDDED_DELEGATEDROUTERS: '',
      CLUSTER_EMBEDDED_TRUSTLESSGATEWAYS: '',
    }
    for (const made of [true, false]) {
      await using daemon = startDaemon(['--init', '--ipfs', 'embedded'], { folder: path, environment })
      await daemon.says('READY')
      expect(daemon.log().includes('made a new peer')).toBe(made)
      expect(await daemon.stop('SIGINT')).toBe(0)
    }
  })
})
