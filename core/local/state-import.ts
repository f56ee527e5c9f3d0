/**
 * Replaces the pinset of a stopped peer with pins from a file. All of the input is read and checked into a new store; only
 * when that is whole and durable it takes the place of the old one. The original deletes first.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../error-text.ts'
import { InvalidPinError } from '../pin/errors.ts'
import { parsePinText } from '../pin/json.ts'
import { isPinEverywhere, type PeerIdText, type Pin } from '../pin/pin.ts'
import { replicationFactors } from '../pin/validation.ts'
import { jsonValuesOf } from '../runtime/json-values.ts'
import type { Runtime } from '../runtime/ports.ts'
import { lockFolder } from '../store/lock.ts'
import { openStore } from '../store/sqlite-store.ts'
import { abortable } from './abortable.ts'
import { ImportError } from './errors.ts'
import { inKeysOfToday } from './older-pin.ts'
import type { PeerFiles } from './peer-files.ts'
import { replaceStore } from './replacement.ts'

export interface ImportOptions {
  files: PeerFiles
  runtime: Runtime
  /** JSON objects of pins, in any layout. */
  input: AsyncIterable<Uint8Array>
  /** For messages. */
  inputName: string
  /** Above 0: overwrites that factor of every pin. */
  replicationMin: number
  replicationMax: number
  /** When there are some: replaces the allocations of every pin. */
  allocations: PeerIdText[]
  signal: AbortSignal
  onProgress(pins: number): void
  /** A pin has a key that means nothing here. */
  onUnknownKey(key: string): void
}

export interface Imported {
  pins: number
  /** Pins that are not for every peer and have no allocations: nobody will hold them. */
  withoutAllocations: number
}

/** Bytes of the JSON of a pin. */
const longestPin = 4 * 1024 * 1024

/** What an export has, and what older versions wrote besides. */
const knownKeys: ReadonlySet<string> = new Set([
  ...['replication_factor_min', 'replication_factor_max', 'name', 'mode', 'shard_size', 'user_allocations'],
  ...['expire_at', 'metadata', 'pin_update', 'origins', 'cid', 'type', 'allocations', 'max_depth'],
  ...['reference', 'timestamp', 'parents'],
])

/** Pins written at a time. */
const batchSize = 1000

/** Throws `ImportError` for the first value that is no pin, `StoreLockedError` while the peer runs, and store errors. */
export async function importState(options: ImportOptions): Promise<Imported> {
  const { folder } = options.files.config
  using _lock = lockFolder(folder)
  await removeLeftovers(folder)
  const fresh = await mkdtemp(join(folder, freshPrefix))
  try {
    const imported = await fill(fresh, options)
    options.signal.throwIfAborted()
    await replaceStore(folder, fresh)
    return imported
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
}

/** Stores that are being filled are called so, and six characters more. */
const freshPrefix = '.filling-store-'
const leftover = /^\.filling-store-[A-Za-z0-9]{6}$/
/** All that such a folder holds. */
const contentsOfFresh: readonly string[] = ['store', 'cluster.lock']

/** Of imports that were killed. What holds anything else was not made here, and stays. */
async function removeLeftovers(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true })
  for (const entry of entries.filter((each) => each.isDirectory() && leftover.test(each.name))) {
    const path = join(folder, entry.name)
    const names = await readdir(path)
    if (names.every((name) => contentsOfFresh.includes(name)))
      await rm(path, { recursive: true, force: true })
  }
}

async function fill(folder: string, options: ImportOptions): Promise<Imported> {
  const { files, runtime, signal, onProgress } = options
  await using store = await openStore({ folder, self: files.identity.id, runtime })
  const imported: Imported = { pins: 0, withoutAllocations: 0 }
  let batch: Pin[] = []
  let writing: Promise<unknown> = Promise.resolve()
  const flush = async () => {
    const pins = batch
    batch = []
    // One batch is written while the next is read.
    await writing
    writing = store.write(pins.map((pin) => ({ kind: 'pin', pin })))
    // A failure is thrown where it is awaited.
    writing.catch(() => undefined)
    onProgress(imported.pins)
  }
  for await (const pin of pinsOf(options)) {
    signal.throwIfAborted()
    imported.pins++
    if (!isPinEverywhere(pin) && pin.type !== 'meta' && pin.allocations.length === 0) {
      imported.withoutAllocations++
    }
    if (batch.push(pin) === batchSize) await flush()
  }
  if (batch.length > 0) await flush()
  await writing
  return imported
}

async function* pinsOf(options: ImportOptions): AsyncGenerator<Pin> {
  const refuse = (line: number, problem: string, cause?: unknown): never => {
    throw new ImportError(options.inputName, line, problem, { cause })
  }
  const input = abortable(options.input, options.signal)
  for await (const { text, line } of jsonValuesOf(input, { limit: longestPin, refuse })) {
    let pin: Pin
    try {
      pin = parsePinText(text, (json) => prepared(json, options.onUnknownKey))
    } catch (cause) {
      return refuse(line, messageOf(cause), cause)
    }
    const changed = changedPin(pin, options)
    const fault = factorFault(changed)
    if (fault !== undefined) refuse(line, `pin ${pin.cid}: ${fault}`)
    yield changed
  }
}

/** A pin in the keys of today. Throws `InvalidPinError` for what is a status. */
function prepared(value: unknown, onUnknownKey: (key: string) => void): unknown {
  const json = inKeysOfToday(value)
  if (typeof json !== 'object' || json === null) return json
  if ('peer_map' in json) {
    throw new InvalidPinError(
      'this is the status of a pin; "pin ls --json" gives pins, "status --json" does not',
    )
  }
  for (const key of Object.keys(json)) if (!knownKeys.has(key)) onUnknownKey(key)
  return json
}

function changedPin(pin: Pin, options: ImportOptions): Pin {
  const { cluster } = options.files.config
  const asked = {
    ...pin,
    ...overwrittenFactors(pin, options),
    allocations: options.allocations.length > 0 ? options.allocations : pin.allocations,
  }
  const defaults = { min: cluster.replicationFactorMin, max: cluster.replicationFactorMax }
  const changed = { ...asked, ...replicationFactors(asked, defaults) }
  return isPinEverywhere(changed) ? { ...changed, allocations: [] } : changed
}

/** One factor alone cannot leave the other at −1 (everywhere): then both take it. */
function overwrittenFactors(pin: Pin, { replicationMin, replicationMax }: ImportOptions) {
  const [min, max] = [Math.max(0, replicationMin), Math.max(0, replicationMax)]
  return {
    replicationFactorMin: min || (pin.replicationFactorMin === -1 && max) || pin.replicationFactorMin,
    replicationFactorMax: max || (pin.replicationFactorMax === -1 && min) || pin.replicationFactorMax,
  }
}

function factorFault({ replicationFactorMin: min, replicationFactorMax: max }: Pin): string | undefined {
  if (min < -1 || max < -1) return 'a replication factor is below −1'
  if ((min === -1) !== (max === -1)) {
    return `replication factors are ${min} and ${max}; both must be −1 when one of them is`
  }
  return min > max ? `the minimum replication factor ${min} is larger than the maximum ${max}` : undefined
}
