/**
 * A process that works on a store as hard as it can, until it is killed: pins, unpins, groups of pins in one call, blocks
 * of another peer, background work, and the records of a tracker. It says on stdout what it asks for and what was acknowledged, a line
 * each, written before it goes on.
 *
 *     bun store-process.ts FOLDER FIRST_NUMBER
 */
import { writeSync } from 'node:fs'
import { blockIdOf } from '../../core/crdt/block-id.ts'
import { encodePin } from '../../core/pin/codec.ts'
import { pinKey } from '../../core/pin/key.ts'
import { parseLogLevels } from '../../core/runtime/log.ts'
import type { DagBlock, LocalRecord, PinsetChange } from '../../core/runtime/store.ts'
import { createSystemRuntime, systemRandom } from '../../core/runtime/system.ts'
import { openStore } from '../../core/store/sqlite-store.ts'
import { priorityClasses } from '../../core/tracker/priority.ts'
import { deltaBlock } from '../support/crdt-blocks.ts'
import { cidOf, other, outcomeOf, pinOf, self } from '../unit/store/fixtures.ts'
import { groupSize, keyOf, type Line } from './store-oracle.ts'

const [folder, first] = process.argv.slice(2) as [string, string]
const runtime = createSystemRuntime({ levels: parseLogLevels('error') })
const store = await openStore({
  folder,
  self,
  runtime,
  // Small, so that the log is often moved into the file.
  checkpointBytes: 256 * 1024,
})
let number = Number(first)
const clients = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

function say(line: Line): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

/** Changes a few keys of its own, one call after another. */
async function client(name: string): Promise<never> {
  for (;;) {
    const key = keyOf(name, Math.floor(systemRandom.float() * 10))
    const value = systemRandom.float() < 0.4 ? '' : `${number++}`
    await change([[key, value]])
  }
}

/** Changes all its keys in one call, to the same value. */
async function groups(name: string): Promise<never> {
  for (;;) {
    const value = systemRandom.float() < 0.2 ? '' : `${number++}`
    await change(Array.from({ length: groupSize }, (_, i) => [keyOf(name, i), value]))
  }
}

async function change(values: [string, string][]): Promise<void> {
  say({ asked: values })
  await store.write(
    values.map(
      ([key, value]): PinsetChange =>
        value === '' ? { kind: 'unpin', cid: cidOf(key) } : { kind: 'pin', pin: pinOf(key, { name: value }) },
    ),
  )
  say({ done: values })
}

/** A chain of blocks that somebody else wrote. */
async function merges(name: string): Promise<never> {
  let parent: DagBlock | undefined
  for (let priority = 1n; ; priority++) {
    const value = `${number++}`
    const key = keyOf(name, Number(value))
    const pin = pinOf(key, { name: value })
    const elements = [{ key: pinKey(pin.cid), value: encodePin(pin).slice() }]
    const block = deltaBlock({ priority, elements, tombstones: [] }, parent === undefined ? [] : [parent.cid])
    say({ asked: [[key, value]] })
    await store.merge([block])
    say({ done: [[key, value]] })
    parent = block
  }
}

/** Gives what clients have pinned to other peers, unasked: that never changes whether it is there, nor its name. */
async function reallocations(): Promise<never> {
  for (;;) {
    const from = store.pin(cidOf(keyOf(pickOf(clients), Math.floor(systemRandom.float() * 10))))
    if (from === undefined) await new Promise((resolve) => setImmediate(resolve))
    else {
      const allocations = from.allocations.length === 0 ? [other] : []
      await store.write([{ kind: 'reallocate', pin: { ...from, allocations }, from }])
    }
  }
}

/** Copies pins, hears of unpins that did not know of the copies, and withdraws those. */
async function withdrawals(name: string): Promise<never> {
  for (let index = 0; ; index++) {
    const value = `${number++}`
    const key = keyOf(name, index)
    const from = pinOf(key, { name: value })
    say({ asked: [[key, value]] })
    const { cid: source } = await store.write([{ kind: 'pin', pin: from }])
    say({ done: [[key, value]] })
    await store.write([{ kind: 'reallocate', pin: { ...from, allocations: [other] }, from }])
    say({ asked: [[key, '']] })
    const tombstones = [{ key: pinKey(from.cid), blockId: blockIdOf(source!) }]
    await store.merge([deltaBlock({ priority: 1n, elements: [], tombstones }, [source!])])
    // What a killed process left is left alone: nobody would say that it goes.
    await store.write([{ kind: 'withdraw', cid: from.cid }])
    say({ done: [[key, '']] })
  }
}

function pickOf<Of>(all: readonly Of[]): Of {
  return all[Math.floor(systemRandom.float() * all.length)]!
}

/** Begins what waits and ends it. */
async function tracker(): Promise<never> {
  for (;;) {
    const waits = waiting('pin')
    await store.record(
      waits.map((record) =>
        outcomeOf(record, { status: 'pinning', owned: true, attempts: record.attempts + 1 }),
      ),
    )
    for (const { cid, generation } of waits) say({ begun: cid.toString(), generation })
    await store.record(waits.map((record) => outcomeOf(record, { status: 'pinned', owned: true })))
    await store.record(waiting('unpin').map((record) => outcomeOf(record, { status: 'gone' })))
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function waiting(kind: 'pin' | 'unpin'): LocalRecord[] {
  return priorityClasses.flatMap((priority) =>
    store.waiting({ kind, priority, limit: 20 }).map(({ record }) => record),
  )
}

say({ opened: true })
await Promise.race([
  ...clients.map(client),
  ...['group a', 'group b'].map(groups),
  merges(`merged ${first}`),
  reallocations(),
  withdrawals(`withdrawn ${first}`),
  tracker(),
])
