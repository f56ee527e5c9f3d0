import { describe, expect, test } from 'bun:test'
import { SyncClient } from '../../../core/network/sync/client.ts'
import { Bits, DigestList, unpacked } from '../../../core/network/sync/digests.ts'
import { FrameStream } from '../../../core/network/sync/frames.ts'
import { keyOf } from '../../../core/network/sync/missing.ts'
import { OwnHistory } from '../../../core/network/sync/own-history.ts'
import {
  type Answer,
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  type Request,
} from '../../../core/network/sync/protocol.ts'
import { SyncServer } from '../../../core/network/sync/server.ts'
import type { DagBlock } from '../../../core/runtime/store.ts'
import { chain, putBlock } from '../../support/crdt-blocks.ts'
import { type StreamEnd, streamPair } from '../../support/stream-pair.ts'
import { quietRuntime } from '../ipfs/test-runtime.ts'

const digestOf = ({ cid }: DagBlock) => cid.multihash.digest

/** As much of a store as sync sees; the last block is the only head. */
function storeOf(blocks: DagBlock[]) {
  const bytes = new Map(blocks.map((block) => [keyOf(digestOf(block)), block.bytes]))
  const head = blocks.at(-1)
  return {
    heads: () => (head === undefined ? [] : [{ cid: head.cid, priority: BigInt(blocks.length) }]),
    block: (cid: { multihash: { digest: Uint8Array } }) => bytes.get(keyOf(cid.multihash.digest)),
    hasBlock: (cid: { multihash: { digest: Uint8Array } }) => bytes.has(keyOf(cid.multihash.digest)),
  }
}

/** A chain of `length` more blocks on top of `base`. */
function extend(base: DagBlock[], length: number, name: string): DagBlock[] {
  const all = [...base]
  for (let index = 0; index < length; index++) {
    const parent = all.at(-1)
    all.push(putBlock(`/${name}`, `${index}`, all.length + 1, parent === undefined ? [] : [parent.cid]))
  }
  return all
}

interface Exchanged {
  requests: Request[]
  answers: Answer[]
  blocks: DagBlock[]
}

/** Runs a session between two stores and listens in. */
async function exchange(ours: DagBlock[], theirs: DagBlock[], wants: DagBlock[]): Promise<Exchanged> {
  const server = new SyncServer({ store: storeOf(theirs), runtime: quietRuntime() })
  const said: Exchanged = { requests: [], answers: [], blocks: [] }
  const client = new SyncClient({
    store: storeOf(ours),
    speaks: () => true,
    scheduler: quietRuntime().scheduler,
    async open() {
      const [near, far] = streamPair()
      void server.serve(
        tapped(far, (frame) => said.answers.push(decodeAnswer(frame))),
        'opener',
      )
      return tapped(near, (frame) => said.requests.push(decodeRequest(frame)))
    },
  })
  const signal = new AbortController().signal
  for await (const part of client.fetch(
    'other',
    wants.map(({ cid }) => cid),
    signal,
  ))
    said.blocks.push(...part.blocks)
  return said
}

/** Hands each frame that is written to `heard` as well. */
function tapped(stream: StreamEnd, heard: (frame: Uint8Array) => void): StreamEnd {
  return {
    ...stream,
    async write(bytes) {
      const prefix = bytes.findIndex((byte) => byte < 0x80) + 1
      heard(bytes.slice(prefix))
      await stream.write(bytes)
    },
  }
}

describe('a session', () => {
  test('brings a few blocks in one round trip', async () => {
    const theirs = extend([], 40, 'a')
    const { requests, answers, blocks } = await exchange(theirs.slice(0, 30), theirs, [theirs.at(-1)!])
    expect(requests.map(({ kind }) => kind)).toEqual(['want'])
    expect(answers.map(({ kind }) => kind)).toEqual(['blocks', 'end'])
    expect(blocks.map(({ cid }) => cid.toString())).toEqual(theirs.slice(30).map(({ cid }) => cid.toString()))
  })

  test('names what is missing first when it is much, and sends it oldest first', async () => {
    const theirs = extend([], 3_000, 'a')
    const { requests, answers, blocks } = await exchange(theirs.slice(0, 500), theirs, [theirs.at(-1)!])
    expect(requests.map(({ kind }) => kind)).toEqual(['want', 'select'])
    const listed = answers.filter((answer) => answer.kind === 'listed')
    expect(listed.map(({ last }) => last)).toEqual([false, false, true])
    expect(listed.flatMap(({ digests }) => [...unpacked(digests)])).toHaveLength(2_500)
    expect(blocks.map(({ cid }) => cid.toString())).toEqual(
      theirs.slice(500).map(({ cid }) => cid.toString()),
    )
  })

  test('finds what both have, however far they went apart, and sends nothing twice', async () => {
    const common = extend([], 1_000, 'both')
    const theirs = extend(common, 200, 'theirs')
    const ours = extend(common, 700, 'ours')
    const { requests, answers, blocks } = await exchange(ours, theirs, [theirs.at(-1)!])
    expect(requests.map(({ kind }) => kind)).toEqual(['want', 'want', 'want', 'select'])
    expect(blocks).toHaveLength(200)
    const listed = answers.flatMap((answer) =>
      answer.kind === 'listed' ? [...unpacked(answer.digests)] : [],
    )
    expect(listed.length).toBeLessThan(300)
  })

  test('without names of heads brings all that the other side has', async () => {
    const theirs = extend([], 10, 'a')
    expect((await exchange([], theirs, [])).blocks).toHaveLength(10)
    expect((await exchange(theirs, theirs, [])).blocks).toHaveLength(0)
    expect((await exchange(theirs, [], [])).blocks).toHaveLength(0)
  })

  test('is refused when the other side has nothing of what is wanted', async () => {
    await expect(exchange([], chain(3), [putBlock('/x', 'x', 1)])).rejects.toThrow(
      'none of the wanted blocks',
    )
  })
})

describe('an opener refuses', () => {
  const theirs = extend([], 100, 'a')
  const wanted = theirs.at(-1)!
  const names = (blocks: DagBlock[]) => new Uint8Array(Buffer.concat(blocks.map(digestOf)))
  const listed: Answer = { kind: 'listed', digests: names(theirs.toReversed()), last: true }
  const forged = putBlock('/forged', 'x', 1)

  const lies: Record<string, { answers: (Answer | Uint8Array)[]; why: string }> = {
    'a block with another hash than listed': {
      answers: [listed, { kind: 'blocks', blocks: [forged.bytes] }],
      why: 'another hash',
    },
    'blocks in another order than listed': {
      answers: [listed, { kind: 'blocks', blocks: [theirs[1]!.bytes] }],
      why: 'another hash',
    },
    'more blocks than it asked for': {
      answers: [listed, { kind: 'blocks', blocks: [...theirs.map(({ bytes }) => bytes), forged.bytes] }],
      why: 'more blocks than were asked for',
    },
    'an end before all came': { answers: [listed, { kind: 'end' }], why: '100 blocks did not come' },
    'many blocks without asking': {
      answers: [{ kind: 'blocks', blocks: theirs.map(({ bytes }) => bytes) }],
      why: 'more blocks than may come unasked',
    },
    'names after the list has ended': { answers: [listed, listed], why: 'does not fit' },
    'endless questions for older blocks': {
      answers: [{ kind: 'deeper' }, { kind: 'deeper' }],
      why: 'older blocks are asked for than there are',
    },
    'a frame that is none': { answers: [Uint8Array.of(0xff, 0xff, 0xff)], why: 'cut off' },
    'a kind of answer that is unknown': { answers: [Uint8Array.of(8, 77)], why: 'unknown kind 77' },
    'names that are cut off': { answers: [Uint8Array.of(8, 2, 18, 3, 1, 2, 3)], why: 'cut off' },
  }
  for (const [name, { answers, why }] of Object.entries(lies)) {
    test(name, async () => {
      const [near, far] = streamPair()
      const scheduler = quietRuntime().scheduler
      const client = new SyncClient({
        store: storeOf([]),
        speaks: () => true,
        scheduler,
        open: async () => near,
      })
      const frames = new FrameStream(far, scheduler)
      const session = client.fetch('liar', [wanted.cid], new AbortController().signal)
      const taking = (async () => {
        for await (const { blocks } of session) expect(blocks).not.toContainEqual(forged)
      })()
      taking.catch(() => undefined)
      for (const answer of answers) {
        await frames.write(answer instanceof Uint8Array ? answer : encodeAnswer(answer), 1_000)
      }
      await expect(taking).rejects.toThrow(why)
      expect(near.aborted).toBeDefined()
    })
  }

  test('a frame that is larger than any block', async () => {
    const [near, far] = streamPair()
    await far.write(Uint8Array.of(0xff, 0xff, 0xff, 0x7f))
    await expect(new FrameStream(near, quietRuntime().scheduler).read(1_000)).rejects.toThrow(
      'a frame of more than',
    )
  })

  test('a side that stands still', async () => {
    const [near] = streamPair()
    await expect(new FrameStream(near, quietRuntime().scheduler).read(10)).rejects.toThrow('stood still')
    expect(near.aborted).toBeDefined()
  })
})

describe('a server', () => {
  const server = new SyncServer({ store: storeOf(extend([], 100, 'a')), runtime: quietRuntime() })

  for (const [name, frame] of Object.entries({
    'an unknown request': Uint8Array.of(8, 9),
    'a selection out of turn': encodeRequest({ kind: 'select', bits: new Uint8Array(0) }),
    'names that are cut off': Uint8Array.of(8, 1, 18, 2, 1, 1),
    'too many names': encodeRequest({
      kind: 'want',
      wants: new Uint8Array(32 * 5_000),
      haves: new Uint8Array(0),
      more: false,
    }),
  })) {
    test(`ends the stream for ${name}`, async () => {
      const [near, far] = streamPair()
      const serving = server.serve(far, 'stranger')
      await new FrameStream(near, quietRuntime().scheduler).write(frame, 1_000)
      await serving
      expect(far.aborted).toBeDefined()
    })
  }

  test('takes a bounded number of sessions, and others when those have ended', async () => {
    const open = Array.from({ length: 16 }, () => {
      const [near, far] = streamPair()
      return { near, serving: server.serve(far, 'holds on') }
    })
    const [near, far] = streamPair()
    await server.serve(far, 'one too many')
    const answer = await new FrameStream(near, quietRuntime().scheduler).read(1_000)
    expect(decodeAnswer(answer!)).toMatchObject({ kind: 'refused' })
    for (const session of open) session.near.abort(new Error('gone'))
    await Promise.all(open.map(({ serving }) => serving))
    const [again, other] = streamPair()
    const serving = server.serve(other, 'later')
    const frames = new FrameStream(again, quietRuntime().scheduler)
    const nothing = new Uint8Array(0)
    await frames.write(encodeRequest({ kind: 'want', wants: nothing, haves: nothing, more: false }), 1_000)
    expect(decodeAnswer((await frames.read(1_000))!)).toMatchObject({ kind: 'listed' })
    again.abort(new Error('enough'))
    await serving
  })
})

describe('own blocks', () => {
  test('are named near the heads first, then ever more thinly', () => {
    const blocks = chain(6_000)
    const heights = new Map(blocks.map((block, index) => [keyOf(digestOf(block)), index + 1]))
    const byKey = new Map(blocks.map((block, index) => [keyOf(digestOf(block)), blocks[index - 1]]))
    const own = new OwnHistory([digestOf(blocks.at(-1)!)], (digest) => {
      const parent = byKey.get(keyOf(digest))
      return {
        parents: parent === undefined ? [] : [digestOf(parent)],
        priority: heights.get(keyOf(digest))!,
      }
    })
    const round = () => own.next().map((digest) => 6_000 - heights.get(keyOf(digest))!)
    expect(round()).toEqual(Array.from({ length: 64 }, (_, index) => index))
    expect(round().slice(0, 3)).toEqual([64, 72, 80])
    expect(round().slice(0, 3)).toEqual([576, 640, 704])
    expect(own.more).toBe(true)
    expect(round().at(-1)).toBeGreaterThan(5_000)
    expect(own.more).toBe(false)
    expect(round()).toEqual([])
  })
})

describe('a list of names', () => {
  const name = (value: number) => new Uint8Array(32).fill(value)

  test('forgets its beginning beyond its capacity', () => {
    const list = new DigestList(100)
    for (let value = 0; value < 5_000; value++) list.push(name(value % 251), value % 2 === 0)
    expect(list.size).toBe(100)
    expect(list.at(0)).toEqual(name(4_900 % 251))
    expect(list.at(99)).toEqual(name(4_999 % 251))
    expect([list.isMarked(0), list.isMarked(99)]).toEqual([true, false])
  })

  test('is selected from by bits', () => {
    const bits = Bits.ofSize(20)
    for (const index of [0, 7, 8, 19]) bits.set(index)
    const read = new Bits(bits.bytes)
    expect(Array.from({ length: 20 }, (_, index) => index).filter((index) => read.has(index))).toEqual([
      0, 7, 8, 19,
    ])
    expect(read.has(1_000)).toBe(false)
  })
})
