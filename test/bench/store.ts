/**
 * Measures the store: writes, merges, reads, bytes a pin. Run it by hand on an idle machine:
 *
 *     bun test/bench/store.ts [--pins 100000]
 *
 * Pins are random CIDs with a name, of which each of three peers out of nine holds one, as in a large cluster.
 */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import type { Pin } from '../../core/pin/pin.ts'
import type { Store } from '../../core/runtime/store.ts'
import { systemClock, systemRandom, systemScheduler } from '../../core/runtime/system.ts'
import { checkStore } from '../../core/store/maintenance.ts'
import { openStore, storePath } from '../../core/store/sqlite-store.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { allBlocks, allPins, peerOf, pinAt, silentLogger } from '../unit/store/fixtures.ts'

const flag = process.argv.indexOf('--pins')
const count = flag === -1 ? 100_000 : Number(process.argv[flag + 1])
const atOnce = 1000
const looks = 2000
const due = { before: Date.now(), limit: 1000 }
const runtime = { clock: systemClock, logger: silentLogger, scheduler: systemScheduler }
const peers = Array.from({ length: 9 }, (_, i) => peerOf(`peer ${i}`))

function randomPin(index: number): Pin {
  const holders = [0, 1, 2].map((i) => peers[(index + i) % peers.length]!)
  const cid = CID.createV1(0x55, createDigest(0x12, systemRandom.bytes(32)))
  return { ...pinAt(`pin-${index}`, holders), cid, timestamp: BigInt(Date.now()) * 1_000_000n }
}

async function measured(what: string, work: () => unknown, times: number): Promise<void> {
  const started = performance.now()
  await work()
  const seconds = (performance.now() - started) / 1000
  console.log(`${what}: ${seconds.toFixed(2)} s, ${Math.round(times / seconds).toLocaleString('en')}/s`)
}

async function writeAll(store: Store): Promise<void> {
  for (let from = 0; from < count; from += atOnce) {
    const pins = Array.from({ length: Math.min(atOnce, count - from) }, (_, i) => randomPin(from + i))
    await store.write(pins.map((pin) => ({ kind: 'pin', pin })))
  }
}

async function writeOneByOne(store: Store, clients: number, each: number): Promise<void> {
  const client = async () => {
    for (let i = 0; i < each; i++) await store.write([{ kind: 'pin', pin: randomPin(i) }])
  }
  await Promise.all(Array.from({ length: clients }, client))
}

/** As re-pinning does. */
function walkOver(store: Store): void {
  for (let after: string | undefined; ; ) {
    const page = store.pins({ limit: 500, order: 'any', ...(after === undefined ? {} : { after }) })
    if (page.next === undefined) return
    after = page.next
  }
}

function repeated(look: () => unknown): void {
  for (let i = 0; i < looks; i++) look()
}

await using folder = await temporaryFolder()
const from = join(folder.path, 'from')
const to = join(folder.path, 'to')

{
  await using writer = await openStore({ folder: from, self: peers[0]!, runtime })
  await using reader = await openStore({ folder: to, self: peers[5]!, runtime })
  await measured(`${count} pins written, ${atOnce} a call`, () => writeAll(writer), count)
  const blocks = allBlocks(writer)
  const blockBytes = blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)
  await measured(`${count} pins merged, ${blocks.length} blocks`, () => reader.merge(blocks), count)
  const pins = allPins(reader)
  await measured('all pins listed', () => allPins(reader), count)
  await measured('all pins walked over', () => walkOver(reader), count)
  await measured('looks for expired pins', () => repeated(() => reader.expired(due)), looks)
  await measured('looks for orphans', () => repeated(() => reader.orphans(1000)), looks)
  await measured(
    'pins read one by one',
    () => {
      for (let i = 0; i < 20_000; i++) reader.pin(pins[(i * 7919) % pins.length]!.cid)
    },
    20_000,
  )
  await reader[Symbol.asyncDispose]()
  const { size } = await stat(storePath(to))
  console.log(
    `bytes a pin: ${Math.round(size / count)}, of these in its block: ${Math.round(blockBytes / count)}`,
  )
  await measured('writes of one pin, one client', () => writeOneByOne(writer, 1, 300), 300)
  await measured('writes of one pin, 64 clients', () => writeOneByOne(writer, 64, 100), 6400)
}
await measured('check', () => Array.fromAsync(checkStore({ folder: to })), count)
console.log(`resident memory: ${Math.round(process.memoryUsage.rss() / 1e6)} MB`)
