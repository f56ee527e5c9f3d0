/** Everything that can be wrong with a Kubo, or with what is in its place: each a clear error, bounded, and in time. */
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import {
  IpfsAnswerError,
  IpfsInputError,
  IpfsRefusedError,
  IpfsTimeoutError,
  IpfsUnreachableError,
} from '../../../core/ipfs/errors.ts'
import { createKubo, type KuboInit } from '../../../core/ipfs/kubo/kubo.ts'
import { expectIpfsError, pinOptions } from './compliance-calls.ts'
import { collect } from './dag-fixtures.ts'
import {
  endStream,
  eventually,
  openStream,
  reply,
  type Script,
  ScriptedKubo,
  streamChunk,
  streamed,
} from './scripted-kubo.ts'
import { quietRuntime } from './test-runtime.ts'

const cid = CID.parse('bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy')

function kuboAt(address: string, init: Partial<KuboInit> = {}) {
  return createKubo({ address, runtime: quietRuntime(), ...init })
}

/** Runs `body` against a server with this script. */
async function withScript(
  script: Script,
  body: (ipfs: ReturnType<typeof createKubo>, server: ScriptedKubo) => Promise<void>,
  init: Partial<KuboInit> = {},
): Promise<void> {
  await using server = await ScriptedKubo.start(script)
  await using ipfs = kuboAt(server.address, init)
  await body(ipfs, server)
}

describe('a Kubo that is not there', () => {
  test('is unreachable, and the error names the call, the address and the cause', async () => {
    await using ipfs = kuboAt('/ip4/127.0.0.1/tcp/1')
    const error = await expectIpfsError(ipfs.id(), 'unreachable')
    expect(error).toBeInstanceOf(IpfsUnreachableError)
    expect(error.name).toBe('IpfsUnreachableError')
    for (const part of ['/ip4/127.0.0.1/tcp/1', '(id)', 'nothing listens there'])
      expect(error.message).toContain(part)
  })

  test('behind a socket file that does not exist is unreachable', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cluster-kubo-'))
    await using ipfs = kuboAt(`/unix/${folder}/none.sock`)
    const error = await expectIpfsError(ipfs.id(), 'unreachable')
    expect(error.message).toContain('no such socket file')
    rmSync(folder, { recursive: true })
  })

  test('under a name that does not resolve is unreachable', async () => {
    await using ipfs = kuboAt('/dns4/no-such-host.invalid/tcp/5001')
    await expectIpfsError(ipfs.id({ signal: AbortSignal.timeout(20_000) }), 'unreachable')
  })

  test('without the TLS that its address promises is unreachable', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => socket.end('HTTP/1.0 400 Bad Request\r\n\r\n'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    await using ipfs = kuboAt(`/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}/https`)
    await expectIpfsError(ipfs.id(), 'unreachable')
    server.close()
  })

  test('is found by name as soon as it is there', async () => {
    await using server = await ScriptedKubo.start(({ socket }) =>
      reply(socket, '{"ID":"QmX","Addresses":null}'),
    )
    for (const name of ['dns', 'dns4']) {
      await using ipfs = kuboAt(server.address.replace('ip4/127.0.0.1', `${name}/localhost`))
      expect(await ipfs.id(), name).toEqual({ id: 'QmX', addresses: [] })
    }
  })

  test('at an address that is none is refused at once', () => {
    for (const address of [
      '',
      'http://127.0.0.1:5001',
      '/ip4/127.0.0.1/udp/5001',
      '/ip4/127.0.0.1/tcp/70000',
    ]) {
      expect(() => kuboAt(address), address).toThrow(IpfsInputError)
    }
  })

  test('does not slow down later calls', async () => {
    await using down = kuboAt('/ip4/127.0.0.1/tcp/1')
    for (let i = 0; i < 30; i++) await expectIpfsError(down.id(), 'unreachable')
    const before = performance.now()
    for (let i = 0; i < 30; i++) await expectIpfsError(down.id(), 'unreachable')
    expect(performance.now() - before).toBeLessThan(1_000)
  })
})

describe('an error of Kubo', () => {
  test('keeps the words that tools of the original look for', async () => {
    const script: Script = ({ socket }) =>
      reply(socket, '{"Message":"lock held","Code":0,"Type":"error"}', 500)
    await withScript(script, async (ipfs) => {
      const error = await expectIpfsError(ipfs.unpin(cid), 'failed')
      expect(error).toBeInstanceOf(IpfsRefusedError)
      expect(error.message).toBe(`IPFS error (pin/rm?arg=${cid}). Code: 500. Message: lock held`)
    })
  })

  test('that is not JSON is passed on too', async () => {
    const script: Script = ({ socket }) => reply(socket, '404 page not found\n', 404, 'text/plain')
    await withScript(script, async (ipfs) => {
      const error = await expectIpfsError(ipfs.id(), 'failed')
      expect(error.message).toBe('IPFS request failed (is it running?) (id). Code 404: 404 page not found')
    })
  })

  test('of a gateway in front of it means that Kubo is unreachable', async () => {
    for (const status of [502, 503, 504]) {
      await withScript(
        ({ socket }) => reply(socket, '<h1>Bad</h1>', status, 'text/html'),
        async (ipfs) => {
          expect((await expectIpfsError(ipfs.id(), 'unreachable')).message).toContain(String(status))
        },
      )
    }
  })

  test('without end is read in part, and the connection is given up', async () => {
    const script: Script = ({ socket }) => {
      socket.write('HTTP/1.1 500 Status\r\nTransfer-Encoding: chunked\r\n\r\n')
      const more = () => {
        while (!socket.destroyed && streamChunk(socket, 'x'.repeat(10_000)));
        socket.once('drain', more)
      }
      more()
    }
    await withScript(script, async (ipfs, server) => {
      const error = await expectIpfsError(ipfs.id(), 'failed')
      expect(error.message.length).toBeLessThan(5_000)
      await eventually(() => server.open === 0)
    })
  })

  test('in the middle of a stream comes in the trailer, and is not missed', async () => {
    const script: Script = ({ socket }) => {
      openStream(socket)
      streamChunk(socket, `{"Cid":"${cid}","Type":"recursive"}\n`)
      endStream(socket, 'datastore: closed')
    }
    await withScript(script, async (ipfs) => {
      const seen: string[] = []
      const listing = (async () => {
        for await (const pin of ipfs.pins()) seen.push(pin.cid.toString())
      })()
      const error = await expectIpfsError(listing, 'failed')
      expect(error.message).toContain('datastore: closed')
      expect(seen).toEqual([cid.toString()])
    })
  })

  test('about a pin that is not there makes an unpin succeed', async () => {
    const body = '{"Message":"not pinned or pinned indirectly","Code":0,"Type":"error"}'
    await withScript(
      ({ socket }) => reply(socket, body, 500),
      async (ipfs) => ipfs.unpin(cid),
    )
  })
})

describe('an answer that is none', () => {
  const cases: [name: string, script: Script][] = [
    ['is not HTTP', ({ socket }) => socket.write('SSH-2.0-OpenSSH_9.6\r\n')],
    ['is not JSON', ({ socket }) => reply(socket, '<html>')],
    ['has no ID', ({ socket }) => reply(socket, '{"Addresses":[]}')],
    ['has addresses that are no list of texts', ({ socket }) => reply(socket, '{"ID":"Qm","Addresses":[1]}')],
    ['is null', ({ socket }) => reply(socket, 'null')],
  ]
  for (const [name, script] of cases) {
    test(`because it ${name} is called unusable`, async () => {
      await withScript(script, async (ipfs) => {
        expect(await expectIpfsError(ipfs.id(), 'failed')).toBeInstanceOf(IpfsAnswerError)
      })
    })
  }

  test('because it never ends is cut off at a bound', async () => {
    for (const chunk of [' ', 'x']) {
      const script: Script = ({ socket }) => {
        openStream(socket)
        const more = () => {
          while (!socket.destroyed && streamChunk(socket, chunk.repeat(65_536)));
          socket.once('drain', more)
        }
        more()
      }
      await withScript(script, async (ipfs, server) => {
        expect((await expectIpfsError(ipfs.id(), 'failed')).message).toContain('longer than')
        expect((await expectIpfsError(collect(ipfs.pins()), 'failed')).message).toContain('longer than')
        expect((await expectIpfsError(ipfs.getBlock(cid), 'failed')).message).toContain('longer than')
        await eventually(() => server.open === 0)
      })
    }
  }, 20_000)

  test('because a line of a list is none ends the list with an error', async () => {
    for (const line of ['nonsense', '{"Cid":"not a cid"}', '{}', '[]']) {
      await withScript(
        ({ socket }) => streamed(socket, `${line}\n`),
        async (ipfs) => {
          expect(await expectIpfsError(collect(ipfs.pins()), 'failed'), line).toBeInstanceOf(IpfsAnswerError)
        },
      )
    }
  })

  test('because the connection broke in the middle of a list is not taken for its end', async () => {
    const script: Script = ({ socket }) => {
      openStream(socket)
      socket.end(`50\r\n{"Cid":"${cid}","Type":"recursive"}\n{"Cid":"bafk`)
    }
    await withScript(script, async (ipfs) => {
      await expectIpfsError(collect(ipfs.pins()), 'unreachable')
    })
  })
})

describe('a Kubo that does not answer', () => {
  test('fails a call after the request timeout', async () => {
    await withScript(
      () => undefined,
      async (ipfs, server) => {
        const error = await expectIpfsError(ipfs.id(), 'unreachable')
        expect(error).toBeInstanceOf(IpfsTimeoutError)
        expect(error.message).toContain('0.05 s')
        expect(error.message).toContain('ipfs_request_timeout')
        expect((await expectIpfsError(ipfs.getBlock(cid), 'failed')).name).toBe('IpfsTimeoutError')
        await expectIpfsError(ipfs.resolve(`/ipfs/${cid}/a`), 'failed')
        await eventually(() => server.open === 0)
      },
      { timeouts: { request: 50 } },
    )
  })

  test('has limits of their own for unpins and garbage collection', async () => {
    await withScript(
      () => undefined,
      async (ipfs) => {
        expect((await expectIpfsError(ipfs.unpin(cid), 'unreachable')).message).toContain('unpin_timeout')
        expect((await expectIpfsError(collect(ipfs.gc()), 'unreachable')).message).toContain('repogc_timeout')
      },
      { timeouts: { request: 0, unpin: 40, gc: 40 }, gcGrace: 0 },
    )
  })

  test('in the middle of a list fails it after that silence, while a slow reader does not', async () => {
    const row = `{"Cid":"${cid}","Type":"recursive"}\n`
    const script: Script = ({ socket, query }) => {
      if (query.get('type') === 'direct') return streamed(socket)
      openStream(socket)
      streamChunk(socket, row)
    }
    await withScript(
      script,
      async (ipfs, server) => {
        const rows = ipfs.pins()[Symbol.asyncIterator]()
        expect((await rows.next()).value?.state).toBe('recursive')
        await Bun.sleep(300)
        streamChunk(server.calls[0]!.socket, row)
        expect((await rows.next()).value?.state).toBe('recursive')
        await expectIpfsError(rows.next(), 'unreachable')
      },
      { timeouts: { request: 150 } },
    )
  })

  test('can be given up at any stage, and the connection is closed', async () => {
    const stages: [name: string, script: Script][] = [
      ['before the head', () => undefined],
      ['in the head', ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Type:')],
      ['in the body', ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"ID')],
      [
        'in the body of an error',
        ({ socket }) => socket.write('HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\n{"Mes'),
      ],
    ]
    for (const [name, script] of stages) {
      await withScript(script, async (ipfs, server) => {
        const abort = new AbortController()
        const call = ipfs.id({ signal: abort.signal })
        await eventually(() => server.calls.length === 1)
        abort.abort(new Error('the peer is stopping'))
        const error = await expectIpfsError(call, 'aborted')
        expect(error.message, name).toContain('the peer is stopping')
        await eventually(() => server.open === 0)
      })
    }
  })

  test('is let go of when the backend is closed', async () => {
    await using server = await ScriptedKubo.start(() => undefined)
    const ipfs = kuboAt(server.address)
    const calls = [ipfs.id(), ipfs.pin(cid, pinOptions()), collect(ipfs.pins()), ipfs.putBlocks(hanging())]
    await eventually(() => server.calls.length === 3)
    await ipfs[Symbol.asyncDispose]()
    for (const call of calls) await expectIpfsError(call, 'aborted')
    await eventually(() => server.open === 0)
  })
})

async function* hanging(): AsyncGenerator<never> {
  await new Promise(() => undefined)
}
