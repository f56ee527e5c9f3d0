import { describe, expect, test } from 'bun:test'
import type { CID } from 'multiformats/cid'
import { CatchUp } from '../../../core/network/catch-up.ts'
import type { HistoryPart } from '../../../core/network/history.ts'
import type { DagBlock } from '../../../core/runtime/store.ts'
import { chain, putBlock } from '../../support/crdt-blocks.ts'
import { eventually } from '../../support/network-peer.ts'
import { quietRuntime } from '../ipfs/test-runtime.ts'

interface Session {
  peer: string
  heads: readonly CID[]
  /** Sends blocks, or ends the session, with an error or without. */
  send(blocks: DagBlock[], left?: number): void
  end(error?: Error): void
}

/** Peers that are told what to send, and a store that merges what comes. */
function rig({ mute = [] as string[] } = {}) {
  const merged = new Set<string>()
  const merges: number[] = []
  const sessions: Session[] = []
  const givenUp: string[] = []
  const closing = new AbortController()
  const catchUp = new CatchUp({
    history: {
      speaks: (peer) => !mute.includes(peer),
      onPeer: () => () => undefined,
      async *fetch(peer, heads) {
        const parts: (HistoryPart | Error | undefined)[] = []
        let wake = () => {}
        const push = (part: HistoryPart | Error | undefined) => {
          parts.push(part)
          wake()
        }
        sessions.push({ peer, heads, send: (blocks, left = 0) => push({ blocks, left }), end: push })
        closing.signal.addEventListener('abort', () => push(new Error('stopping')))
        for (;;) {
          while (parts.length === 0) await new Promise<void>((resolve) => (wake = resolve))
          const part = parts.shift()
          if (part instanceof Error) throw part
          if (part === undefined) return
          yield part
        }
      },
    },
    store: {
      hasBlock: (cid) => merged.has(cid.toString()),
      async merge(blocks) {
        merges.push(blocks.length)
        for (const { cid } of blocks) merged.add(cid.toString())
        return { merged: blocks.length, sequence: 0 }
      },
    },
    logger: quietRuntime().logger,
    signal: closing.signal,
    came: () => undefined,
    giveUp: (heads, peer) => void givenUp.push(...heads.map((cid) => `${cid} of ${peer}`)),
  })
  const stop = async () => {
    closing.abort()
    await catchUp.ended()
  }
  return { catchUp, merged, merges, sessions, givenUp, stop }
}

const cids = (blocks: DagBlock[]) => blocks.map(({ cid }) => cid)

describe('catching up', () => {
  test('asks the announcer for its heads and merges what comes in larger pieces', async () => {
    const { catchUp, merges, sessions, stop } = rig()
    const blocks = chain(2_500)
    expect(catchUp.announced([blocks.at(-1)!.cid], 'a')).toBe(true)
    const [session] = sessions
    expect(session).toMatchObject({ peer: 'a', heads: [blocks.at(-1)!.cid] })
    for (let at = 0; at < blocks.length; at += 100) session!.send(blocks.slice(at, at + 100))
    session!.end()
    await eventually(
      'merged',
      () => catchUp.behind === 0 && merges.reduce((sum, count) => sum + count, 0) === 2_500,
    )
    expect(Math.max(...merges)).toBeLessThanOrEqual(1_100)
    expect(merges.length).toBeLessThan(6)
    await stop()
  })

  test('collects what a peer announces while it is asked', async () => {
    const { catchUp, sessions, stop } = rig()
    const blocks = chain(5)
    for (const { cid } of blocks) catchUp.announced([cid], 'a')
    expect(sessions).toHaveLength(1)
    sessions[0]!.send(blocks.slice(0, 1))
    sessions[0]!.end()
    await eventually('asked again', () => sessions.length === 2)
    expect(sessions[1]!.heads).toEqual(cids(blocks.slice(1)))
    await stop()
  })

  test('asks a few peers at a time, and nobody else while one sends a long history', async () => {
    const { catchUp, sessions, stop } = rig()
    for (let peer = 0; peer < 6; peer++) catchUp.announced([putBlock('/k', `${peer}`, 1).cid], `peer ${peer}`)
    expect(sessions.map(({ peer }) => peer)).toEqual(['peer 0', 'peer 1', 'peer 2', 'peer 3'])
    sessions[0]!.send(chain(1), 50_000)
    await eventually('known to be long', () => catchUp.behind > 50_000)
    sessions[1]!.end()
    sessions[2]!.end()
    await Bun.sleep(0)
    expect(sessions).toHaveLength(4)
    sessions[0]!.end()
    await eventually('the others', () => sessions.length === 6)
    await stop()
  })

  test('goes on with the same peer when it broke off after some blocks', async () => {
    const { catchUp, sessions, givenUp, merged, stop } = rig()
    const blocks = chain(10)
    catchUp.announced([blocks.at(-1)!.cid], 'a')
    sessions[0]!.send(blocks.slice(0, 4))
    sessions[0]!.end(new Error('the connection is lost'))
    await eventually('asked again', () => sessions.length === 2)
    expect(merged.size).toBe(4)
    expect(sessions[1]).toMatchObject({ peer: 'a', heads: [blocks.at(-1)!.cid] })
    expect(givenUp).toEqual([])
    await stop()
  })

  test('leaves to bitswap what a peer does not give', async () => {
    const { catchUp, sessions, givenUp, stop } = rig({ mute: ['old'] })
    const { cid } = putBlock('/k', 'x', 1)
    expect(catchUp.announced([cid], 'old')).toBe(false)
    catchUp.announced([cid], 'a')
    sessions[0]!.end(new Error('refused'))
    await eventually('given up', () => givenUp.length === 1)
    expect(givenUp).toEqual([`${cid} of a`])
    catchUp.announced([cid], 'b')
    sessions[1]!.end()
    await eventually('given up, too', () => givenUp.length === 2)
    await stop()
  })

  test('asks a peer that it met for all, and gives nothing up', async () => {
    const { catchUp, sessions, givenUp, stop } = rig()
    catchUp.met('a')
    expect(sessions[0]).toMatchObject({ peer: 'a', heads: [] })
    sessions[0]!.end(new Error('refused'))
    await eventually('ended', () => catchUp.behind === 0)
    expect(givenUp).toEqual([])
    await stop()
  })
})
