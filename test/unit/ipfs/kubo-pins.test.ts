/** How pins on Kubo are asked for, watched, and told to have stalled. */
import { describe, expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { IpfsAnswerError, IpfsStallError } from '../../../core/ipfs/errors.ts'
import { createKubo } from '../../../core/ipfs/kubo/kubo.ts'
import type { IpfsPinProgress } from '../../../core/runtime/ipfs.ts'
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
const old = CID.parse('QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn')

/** Nothing is pinned; `pinAdd` answers the rest. */
function unpinned(pinAdd: Script, isPinned: (cid: string, type: string) => boolean = () => false): Script {
  return (call) => {
    const { path, query, socket } = call
    if (path !== 'pin/ls') {
      pinAdd(call)
      return
    }
    const arg = query.get('arg')!
    if (isPinned(arg, query.get('type')!)) streamed(socket, `{"Cid":"${arg}","Type":"recursive"}\n`)
    else reply(socket, `{"Message":"path '/ipfs/${arg}' is not pinned","Code":0,"Type":"error"}`, 500)
  }
}

async function withScript(
  script: Script,
  body: (ipfs: ReturnType<typeof createKubo>, server: ScriptedKubo) => Promise<void>,
): Promise<void> {
  await using server = await ScriptedKubo.start(script)
  await using ipfs = createKubo({ address: server.address, runtime: quietRuntime() })
  await body(ipfs, server)
}

/** What was asked, in order, as `path?query`. */
function asked(server: ScriptedKubo): string[] {
  return server.calls.map(({ path, query }) => `${path}?${query}`)
}

describe('a pin', () => {
  test('is asked for with progress, after a look whether it is there', async () => {
    const script = unpinned(({ socket }) =>
      streamed(socket, '{"Progress":3,"Bytes":700}\n', `{"Pins":["${cid}"]}\n`),
    )
    await withScript(script, async (ipfs, server) => {
      const seen: IpfsPinProgress[] = []
      const end = await ipfs.pin(cid, pinOptions({ onProgress: (progress) => seen.push(progress) }))
      expect(end).toEqual({ blocks: 3, bytes: 700 })
      expect(seen).toEqual([{ blocks: 3, bytes: 700 }])
      expect(asked(server)).toEqual([
        `pin/ls?stream=true&arg=${cid}&type=recursive`,
        `pin/add?arg=${cid}&recursive=true&progress=true`,
      ])
    })
  })

  test('that is there is not asked for again, because Kubo would drop it meanwhile', async () => {
    const script = unpinned(
      () => undefined,
      () => true,
    )
    await withScript(script, async (ipfs, server) => {
      await ipfs.pin(cid, pinOptions())
      await ipfs.pin(cid, pinOptions({ mode: 'direct' }))
      expect(asked(server).map((call) => call.split('?')[0])).toEqual(['pin/ls', 'pin/ls'])
    })
  })

  test('that was just looked for is not looked for again', async () => {
    const script = unpinned(({ socket }) => streamed(socket, `{"Pins":["${cid}"]}\n`))
    await withScript(script, async (ipfs, server) => {
      expect(await ipfs.pinState(cid, { recursiveOnly: true })).toBe('unpinned')
      await ipfs.pin(cid, pinOptions({ isUnpinned: true }))
      expect(asked(server)).toEqual([
        `pin/ls?stream=true&arg=${cid}&type=recursive`,
        `pin/add?arg=${cid}&recursive=true&progress=true`,
      ])
    })
  })

  test('of an older Kubo tells blocks without bytes', async () => {
    const script = unpinned(({ socket }) => streamed(socket, '{"Progress":2}\n', `{"Pins":["${cid}"]}\n`))
    await withScript(script, async (ipfs) => {
      expect(await ipfs.pin(cid, pinOptions())).toEqual({ blocks: 2 })
    })
  })

  test('counts only when Kubo says that it is made', async () => {
    const script = unpinned(({ socket }) => streamed(socket, '{"Progress":2}\n'))
    await withScript(script, async (ipfs) => {
      expect(await expectIpfsError(ipfs.pin(cid, pinOptions()), 'failed')).toBeInstanceOf(IpfsAnswerError)
    })
  })

  test('that failed late tells the cause from the trailer', async () => {
    const script = unpinned(({ socket }) => {
      openStream(socket)
      streamChunk(socket, '{"Progress":1}\n')
      endStream(socket, 'pin: block was not found locally (offline)')
    })
    await withScript(script, async (ipfs) => {
      const error = await expectIpfsError(ipfs.pin(cid, pinOptions()), 'failed')
      expect(error.message).toContain('block was not found locally')
    })
  })

  test('is connected to at most ten origins, and one that fails does not matter', async () => {
    const script = unpinned(({ path, socket }) => {
      if (path === 'swarm/connect')
        return reply(socket, '{"Message":"no route","Code":0,"Type":"error"}', 500)
      streamed(socket, `{"Pins":["${cid}"]}\n`)
    })
    await withScript(script, async (ipfs, server) => {
      const origins = Array.from({ length: 15 }, (_, i) => `/ip4/127.0.0.1/tcp/${i + 1}/p2p/QmX`)
      await ipfs.pin(cid, pinOptions({ origins }))
      await eventually(() => server.calls.length >= 12)
      expect(asked(server).filter((call) => call.startsWith('swarm/connect'))).toHaveLength(10)
    })
  })
})

describe('a pin for which Kubo waits', () => {
  /** Writes what `line` gives every 10 ms; the line that names the pin is the last. */
  function ticking(line: (tick: number) => string): Script {
    return unpinned(({ socket }) => {
      openStream(socket)
      let tick = 0
      const timer = setInterval(() => {
        const text = line(tick++)
        streamChunk(socket, text)
        if (!text.includes('Pins')) return
        clearInterval(timer)
        endStream(socket)
      }, 10)
      socket.on('close', () => clearInterval(timer))
    })
  }

  test('has stalled when no block came for the stall timeout, though Kubo goes on reporting', async () => {
    await withScript(
      ticking((tick) => (tick < 3 ? '{}\n' : '{"Progress":7,"Bytes":900}\n')),
      async (ipfs, server) => {
        const error = await expectIpfsError(ipfs.pin(cid, pinOptions({ stallTimeout: 200 })), 'stalled')
        expect(error).toBeInstanceOf(IpfsStallError)
        expect((error as IpfsStallError).blocks).toBe(7)
        for (const part of ['0.2 s', '7 blocks', '900 bytes', cid.toString()])
          expect(error.message).toContain(part)
        await eventually(() => server.open === 0)
      },
    )
  })

  test('is never cut while blocks or bytes come', async () => {
    const script = ticking((tick) => {
      if (tick === 60) return `{"Pins":["${cid}"]}\n`
      return tick < 30 ? `{"Progress":${tick}}\n` : `{"Progress":30,"Bytes":${tick}}\n`
    })
    await withScript(script, async (ipfs) => {
      const begun = performance.now()
      const end = await ipfs.pin(cid, pinOptions({ stallTimeout: 250 }))
      expect(end).toEqual({ blocks: 30, bytes: 59 })
      expect(performance.now() - begun).toBeGreaterThan(500)
    })
  })

  test('is never cut at all with a stall timeout of 0', async () => {
    await withScript(
      ticking(() => '{"Progress":1}\n'),
      async (ipfs) => {
        const signal = AbortSignal.timeout(400)
        await expectIpfsError(ipfs.pin(cid, pinOptions({ stallTimeout: 0, signal })), 'aborted')
      },
    )
  })
})

describe('a pin that replaces another', () => {
  const oldIsPinned = (arg: string) => arg === old.toString()

  test('is an update without removal when the other is pinned recursively', async () => {
    const script = unpinned(({ socket }) => reply(socket, `{"Pins":["${old}","${cid}"]}`), oldIsPinned)
    await withScript(script, async (ipfs, server) => {
      await ipfs.pin(cid, pinOptions({ updateFrom: old }))
      expect(asked(server).at(-1)).toBe(`pin/update?arg=${old}&arg=${cid}&unpin=false`)
    })
  })

  test('is a plain pin when the update is refused', async () => {
    const refusal = `{"Message":"'from' cid was not recursively pinned already","Code":0,"Type":"error"}`
    const script = unpinned(({ path, socket }) => {
      if (path === 'pin/update') return reply(socket, refusal, 500)
      streamed(socket, `{"Pins":["${cid}"]}\n`)
    }, oldIsPinned)
    await withScript(script, async (ipfs, server) => {
      await ipfs.pin(cid, pinOptions({ updateFrom: old }))
      expect(server.calls.at(-1)!.path).toBe('pin/add')
    })
  })

  test('is a plain pin, which tells progress, when the update is silent for the stall timeout', async () => {
    const script = unpinned(({ path, socket }) => {
      if (path === 'pin/add') streamed(socket, '{"Progress":4}\n', `{"Pins":["${cid}"]}\n`)
    }, oldIsPinned)
    await withScript(script, async (ipfs, server) => {
      const end = await ipfs.pin(cid, pinOptions({ updateFrom: old, stallTimeout: 60 }))
      expect(end.blocks).toBe(4)
      expect(server.calls.at(-1)!.path).toBe('pin/add')
    })
  })
})

describe('lists of pins', () => {
  test('are asked for by type, so that both direct and recursive pins are there', async () => {
    const script: Script = ({ socket, query }) => {
      const [arg, type] = [query.get('type') === 'direct' ? old : cid, query.get('type')]
      streamed(socket, `{"Cid":"${arg}",`, `"Type":"${type}"}`, '\n\n')
    }
    await withScript(script, async (ipfs, server) => {
      const pins = await collect(ipfs.pins())
      expect(pins.map((pin) => [pin.cid.toString(), pin.state])).toEqual([
        [cid.toString(), 'recursive'],
        [old.toString(), 'direct'],
      ])
      expect(asked(server)).toEqual(['pin/ls?stream=true&type=recursive', 'pin/ls?stream=true&type=direct'])
    })
  })

  test('of millions are read at the pace of the reader', async () => {
    const row = `{"Cid":"${cid}","Type":"recursive"}\n`
    let sent = 0
    const script: Script = ({ socket }) => {
      openStream(socket)
      const more = () => {
        while (!socket.destroyed) {
          sent += 1_000
          if (!streamChunk(socket, row.repeat(1_000))) break
        }
        socket.once('drain', more)
      }
      more()
    }
    await withScript(script, async (ipfs, server) => {
      let read = 0
      for await (const _ of ipfs.pins()) {
        if (read++ === 10) await Bun.sleep(100)
        if (read > 5_000) break
      }
      expect(sent * row.length).toBeLessThan(64 * 1024 * 1024)
      await eventually(() => server.open === 0)
    })
  })

  test('tell one CID by two cheap questions and never by the walk for indirect pins', async () => {
    const script = unpinned(
      () => undefined,
      (_, type) => type === 'direct',
    )
    await withScript(script, async (ipfs, server) => {
      expect(await ipfs.pinState(cid)).toBe('direct')
      expect(server.calls.map(({ query }) => query.get('type'))).toEqual(['recursive', 'direct'])
    })
  })
})

test('calls one after the other share a connection', async () => {
  const script: Script = ({ socket }) => reply(socket, '{"RepoSize":5,"StorageMax":10000000000}')
  await withScript(script, async (ipfs, server) => {
    for (let i = 0; i < 10; i++) await ipfs.repoStat()
    expect(new Set(server.calls.map(({ connection }) => connection)).size).toBe(1)
    expect(await ipfs.repoStat()).toEqual({ size: 5, max: 10_000_000_000 })
  })
})

test('garbage collection tells removed blocks and errors, and its own last word is not a third', async () => {
  const script: Script = ({ socket }) => {
    openStream(socket)
    streamChunk(socket, `{"Key":{"/":"${cid}"}}\n{"Key":null,"Error":"could not delete"}\n`)
    endStream(socket, 'encountered errors during gc run')
  }
  await withScript(script, async (ipfs) => {
    const rows = await collect(ipfs.gc())
    expect(rows.map((row) => row.cid?.toString() ?? row.error)).toEqual([cid.toString(), 'could not delete'])
  })
})
