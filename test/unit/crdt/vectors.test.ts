import { describe, expect, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { blockCid, blockIdOf, parseBlockId } from '../../../core/crdt/block-id.ts'
import { decodeBroadcast, encodeBroadcasts } from '../../../core/crdt/broadcast.ts'
import { PendingDelta } from '../../../core/crdt/builder.ts'
import { decodeBlock, encodeBlock } from '../../../core/crdt/dag-node.ts'
import { type Delta, decodeDelta, encodeDelta } from '../../../core/crdt/delta.ts'
import { decodePin, encodePin } from '../../../core/pin/codec.ts'
import { goJson } from '../../../core/pin/go-json.ts'
import { pinToJson } from '../../../core/pin/json.ts'
import { parsePinKey } from '../../../core/pin/key.ts'
import type { DagBlock } from '../../../core/runtime/store.ts'
import { fromHex, toHex } from '../../support/hex.ts'
import { MemoryPinset } from '../../support/memory-pinset.ts'
import text from '../../vectors/crdt.json'
import pins from '../../vectors/crdt_pins.json'
import live from '../../vectors/live_daemon.json'

interface VectorBlock {
  block_hex: string
  cid: string
  cid_hex: string
  delta: {
    elements: { id: string; key: string; value_hex: string }[]
    priority: number
    tombstones: { id: string; key: string; value_hex: string }[]
  }
  delta_hex: string
  links: string[]
}

interface Row {
  key: string
  value_hex: string
}

const textSteps = text.steps as unknown as {
  blocks?: VectorBlock[]
  broadcast_hex: string | null
  heads_after: string[]
  replica: string
  step: string
  values_after: Record<string, string>
}[]

const pinSteps = pins.steps as unknown as {
  blocks: VectorBlock[]
  broadcast_hex: string
  pin_protobuf_hex?: string
  step: string
}[]

const allBlocks = [...textSteps, ...pinSteps].flatMap(({ blocks }) => blocks ?? [])

function deltaOf(block: VectorBlock): Delta {
  return {
    priority: BigInt(block.delta.priority),
    elements: block.delta.elements.map(({ key, value_hex }) => ({ key, value: fromHex(value_hex) })),
    tombstones: block.delta.tombstones.map(({ key, id }) => ({ key, blockId: id.slice(1) })),
  }
}

function dagBlockOf(block: VectorBlock): DagBlock {
  return { cid: CID.parse(block.cid), bytes: fromHex(block.block_hex) }
}

/** The state of a pinset as the rows that the original stores for it (`spec/wire.md` §3.2). */
function storedRows(pinset: MemoryPinset): Row[] {
  const rows: Row[] = [{ key: '/c/crdt_version', value_hex: '02' }]
  for (const id of pinset.blocks.keys()) rows.push({ key: `/c/b/${id}`, value_hex: '' })
  for (const { cid, priority } of pinset.heads.list()) {
    rows.push({ key: `/c/h/${blockIdOf(cid)}`, value_hex: uvarintHex(priority) })
  }
  for (const [key, state] of pinset.keys) {
    for (const id of state.elements.keys()) rows.push({ key: `/c/s/s${key}/${id}`, value_hex: '' })
    for (const id of state.tombstones) rows.push({ key: `/c/s/t${key}/${id}`, value_hex: '' })
    const current = state.current()
    if (current === undefined) continue
    rows.push({ key: `/c/s/k${key}/v`, value_hex: toHex(current.value) })
    rows.push({ key: `/c/s/k${key}/p`, value_hex: uvarintHex(current.priority + 1n) })
  }
  return rows.sort((a, b) => (a.key < b.key ? -1 : 1))
}

function uvarintHex(value: bigint): string {
  const bytes: number[] = []
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 128n) {
      bytes.push(Number(rest))
      return toHex(Uint8Array.from(bytes))
    }
    bytes.push(Number(rest & 127n) | 128)
  }
}

function sortedRows(rows: Row[]): Row[] {
  return [...rows].sort((a, b) => (a.key < b.key ? -1 : 1))
}

/** Merges a head and what it builds on, parents first. */
function receive(pinset: MemoryPinset, network: Map<string, DagBlock>, head: CID): void {
  if (pinset.isMerged(head)) return
  const block = network.get(head.toString())
  if (block === undefined) throw new Error(`no block ${head} on the network`)
  for (const link of decodeBlock(block.cid, block.bytes).links) receive(pinset, network, link)
  pinset.merge(block)
}

describe('blocks of the original', () => {
  for (const vector of allBlocks) {
    test(`${vector.cid} is written and read byte for byte`, () => {
      const encoded = encodeDelta(deltaOf(vector))
      expect(toHex(encoded)).toBe(vector.delta_hex)
      expect(decodeDelta(fromHex(vector.delta_hex))).toEqual(deltaOf(vector))

      const parents = vector.links.map((link) => CID.parse(link)).reverse()
      const block = encodeBlock(encoded, parents)
      expect(toHex(block.bytes)).toBe(vector.block_hex)
      expect(block.cid.toString()).toBe(vector.cid)
      expect(toHex(block.cid.bytes)).toBe(vector.cid_hex)

      const read = decodeBlock(CID.parse(vector.cid), fromHex(vector.block_hex))
      expect(read.links.map(String)).toEqual(vector.links)
      expect(read.delta).toEqual(deltaOf(vector))
    })
  }

  test('ids of tombstones name the blocks of the same run', () => {
    const written = new Set(allBlocks.map(({ cid }) => blockIdOf(CID.parse(cid))))
    const ids = allBlocks.flatMap(({ delta }) => delta.tombstones.map(({ id }) => id))
    expect(ids.length).toBeGreaterThan(5)
    for (const id of ids) {
      const parsed = parseBlockId(id)
      expect(parsed !== undefined && written.has(parsed)).toBe(true)
      expect(`/${blockIdOf(blockCid(parsed!))}`).toBe(id)
    }
  })
})

describe('broadcasts of the original', () => {
  const recorded = [...textSteps, ...pinSteps].flatMap(({ broadcast_hex }) => broadcast_hex ?? [])
  for (const hex of new Set([...recorded, text.two_heads_broadcast_hex])) {
    test(`${hex.slice(0, 40)}… is read and written byte for byte`, () => {
      const heads = decodeBroadcast(fromHex(hex))
      expect(encodeBroadcasts(heads).map(toHex)).toEqual([hex])
    })
  }

  test('no heads make no message', () => {
    expect(encodeBroadcasts([])).toEqual([])
    expect(decodeBroadcast(fromHex(text.broadcast_empty_hex))).toEqual([])
  })
})

describe('the scripted replicas', () => {
  test('have the recorded heads and values after each step', () => {
    const replicas = new Map<string, MemoryPinset>()
    const network = new Map<string, DagBlock>()
    for (const step of textSteps) {
      let pinset = replicas.get(step.replica)
      if (pinset === undefined) replicas.set(step.replica, (pinset = new MemoryPinset()))
      for (const vector of step.blocks ?? []) {
        const block = dagBlockOf(vector)
        network.set(vector.cid, block)
        pinset.merge(block)
      }
      const message = /^receive ([0-9a-f]+)$/.exec(step.step)?.[1]
      if (message !== undefined) {
        for (const head of headsIn(message)) receive(pinset, network, head)
      }
      expect(pinset.heads.list().map(({ cid }) => String(cid))).toEqual([...step.heads_after].sort())
      const values = [...pinset.values()].map(([key, value]) => [key, new TextDecoder().decode(value)])
      expect(Object.fromEntries(values)).toEqual(step.values_after)
    }
    for (const replica of ['A', 'B', 'C', 'E'] as const) {
      expect(storedRows(replicas.get(replica)!)).toEqual(sortedRows(text[`datastore_${replica}`]))
    }
  })

  test('write the recorded blocks for the same puts and deletes', () => {
    const replicas = new Map<string, MemoryPinset>()
    const network = new Map<string, DagBlock>()
    let written = 0
    for (const step of textSteps) {
      let pinset = replicas.get(step.replica)
      if (pinset === undefined) replicas.set(step.replica, (pinset = new MemoryPinset()))
      const vector = step.blocks?.[0]
      const pending = pendingOf(step.step, pinset, vector)
      if (pending !== undefined && vector !== undefined) {
        const block = pinset.nextBlock((priority) => pending.encode(priority))
        expect(toHex(block.bytes)).toBe(vector.block_hex)
        written++
      }
      if (pending !== undefined && vector === undefined) expect(pending.isEmpty).toBe(true)
      if (vector !== undefined) {
        network.set(vector.cid, dagBlockOf(vector))
        pinset.merge(dagBlockOf(vector))
      }
      const message = /^receive ([0-9a-f]+)$/.exec(step.step)?.[1]
      if (message !== undefined) for (const head of headsIn(message)) receive(pinset, network, head)
    }
    expect(written).toBe(14)
  })

  test('hold the recorded rows after adding, replacing and removing pins', () => {
    const pinset = new MemoryPinset()
    for (const { blocks } of pinSteps) for (const block of blocks) pinset.merge(dagBlockOf(block))
    expect(storedRows(pinset)).toEqual(sortedRows(pins.datastore))
  })

  test('carry pins that are read and written again byte for byte', () => {
    let count = 0
    for (const { blocks, pin_protobuf_hex } of pinSteps) {
      for (const element of blocks.flatMap(({ delta }) => delta.elements)) {
        const pin = decodePin(parsePinKey(element.key), fromHex(element.value_hex))
        expect(toHex(encodePin(pin))).toBe(element.value_hex)
        if (pin_protobuf_hex !== undefined) expect(element.value_hex).toBe(pin_protobuf_hex)
        count++
      }
    }
    expect(count).toBe(6)
  })
})

/** The heads of a message; none when it is one that Go drops. */
function headsIn(hex: string): CID[] {
  try {
    return decodeBroadcast(fromHex(hex))
  } catch (error) {
    expect(error).toHaveProperty('name', 'BroadcastDecodeError')
    return []
  }
}

/** The pending delta of a scripted put or delete; undefined for other steps. */
function pendingOf(step: string, pinset: MemoryPinset, vector: VectorBlock | undefined) {
  const pending = new PendingDelta()
  const put = /^put (\S+) = (.*)$/.exec(step)
  if (put !== null) {
    pending.put(put[1]!, new TextEncoder().encode(put[2]!))
    return pending
  }
  const removed = /^delete (\S+)$/.exec(step)
  if (removed === null) return undefined
  // The original lists tombstones in the order of its database, which means nothing.
  const recorded = (vector?.delta.tombstones ?? []).map(({ id }) => id.slice(1))
  expect([...pinset.liveIds(removed[1]!)].sort()).toEqual([...recorded].sort())
  pending.remove(removed[1]!, recorded)
  return pending
}

describe('a running daemon of the original', () => {
  test('sends blocks that give the pins that it exports', () => {
    const sent = [...live.crdt_blocks_fetched_by_bitswap, live.crdt_block_written_by_observer]
    const pinset = new MemoryPinset()
    for (const { cid, block_hex } of sent) pinset.merge({ cid: CID.parse(cid), bytes: fromHex(block_hex) })
    const exported = [...pinset.values()].map(([key, value]) =>
      goJson(pinToJson(decodePin(parsePinKey(key), value), 'stored')),
    )
    expect(exported.toSorted()).toEqual(live.state_export_text.trimEnd().split('\n').toSorted())
  })

  test('announces heads that are read', () => {
    const topic = 'fzhnp2UwTBkgNabrJi1VanzwgN'
    const messages = live.pubsub_messages.filter((message) => message.topic === topic)
    expect(messages.length).toBeGreaterThan(2)
    for (const { data_hex } of messages) expect(decodeBroadcast(fromHex(data_hex))).toHaveLength(1)
  })
})
