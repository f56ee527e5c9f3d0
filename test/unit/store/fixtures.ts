/** Pins, peers and clocks for tests of stores. */

import { base58btc } from 'multiformats/bases/base58'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { sha256 } from '../../../core/crdt/sha256.ts'
import type { PeerIdText, Pin } from '../../../core/pin/pin.ts'
import type { Clock, Logger } from '../../../core/runtime/ports.ts'
import type { DagBlock, LocalRecord, Page, Store, TrackedOutcome } from '../../../core/runtime/store.ts'

const encoder = new TextEncoder()

/** A raw CID that depends on the text only. */
export function cidOf(text: string): CID {
  return CID.createV1(0x55, createDigest(0x12, sha256(encoder.encode(text))))
}

export function peerOf(text: string): PeerIdText {
  return base58btc.baseEncode(Uint8Array.of(0, 36, 8, 1, 18, 32, ...sha256(encoder.encode(text))))
}

export const self = peerOf('self')
export const other = peerOf('other')

/** A whole second, ms since the epoch. */
export const startTime = 1_800_000_000_000

/** A pin of every peer, unless `fields` say otherwise. */
export function pinOf(text: string, fields: Partial<Pin> = {}): Pin {
  return {
    cid: cidOf(text),
    type: 'data',
    name: text,
    mode: 'recursive',
    maxDepth: -1,
    replicationFactorMin: -1,
    replicationFactorMax: -1,
    shardSize: 0n,
    allocations: [],
    userAllocations: [],
    metadata: {},
    origins: [],
    timestamp: BigInt(startTime) * 1_000_000n,
    ...fields,
  }
}

/** A pin that `peers` are to hold. */
export function pinAt(text: string, peers: PeerIdText[], fields: Partial<Pin> = {}): Pin {
  return pinOf(text, {
    replicationFactorMin: peers.length,
    replicationFactorMax: peers.length,
    allocations: peers,
    ...fields,
  })
}

export class ManualClock implements Clock {
  time = startTime

  now(): number {
    return this.time
  }

  monotonic(): number {
    return this.time
  }
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  component: () => silentLogger,
}

export async function writePins(store: Store, ...pins: Pin[]): Promise<void> {
  await store.write(pins.map((pin) => ({ kind: 'pin', pin })))
}

/** The outcome that leaves the record as it is, with changes. */
export function outcomeOf(record: LocalRecord, fields: Partial<TrackedOutcome>): TrackedOutcome {
  const { want: _, ...rest } = record
  return { ...rest, ...fields }
}

/**
 * The error that a promise ends with. `expect().rejects` waits in a way in which no message of a Worker arrives
 * (Bun 1.4.5).
 */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('the promise did not fail')
}

/** All rows of all pages; `limit` each. */
export function allPages<Row>(read: (after: string | undefined) => Page<Row>): Row[] {
  const rows: Row[] = []
  for (let after: string | undefined; ; ) {
    const page = read(after)
    rows.push(...page.rows)
    if (page.next === undefined) return rows
    after = page.next
  }
}

export function allPins(store: Store, limit = 1000): Pin[] {
  return allPages((after) => store.pins({ limit, ...(after === undefined ? {} : { after }) }))
}

export function allBlocks(store: Store): DagBlock[] {
  return allPages((after) => store.blocks({ limit: 1000, ...(after === undefined ? {} : { after }) }))
}

export function texts(cids: CID[]): string[] {
  return cids.map(String)
}

/** In the order of the bytes of their CIDs. */
export function inByteOrder(cids: CID[]): string[] {
  return texts([...cids].sort((a, b) => Buffer.compare(a.bytes, b.bytes)))
}
