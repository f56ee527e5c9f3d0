/** What this peer reports about a CID: the pinset, its own record, and what runs at this moment, made into one status. */
import { dutyOf, type PeerIdText, type Pin } from '../pin/pin.ts'
import type { PeerPinInfo } from '../pin/pin-info.ts'
import type { PinStatus } from '../pin/status.ts'
import type { LocalRecord } from '../runtime/store.ts'
import type { InFlight } from './driver.ts'
import type { Outage } from './events.ts'
import { isPriorityClass } from './priority.ts'

export interface LocalView {
  self: PeerIdText
  pin: Pin | undefined
  record: LocalRecord | undefined
  inFlight: InFlight | undefined
}

/** This peer's own names, as a row about a pin carries them. */
export interface Reporter {
  peerName: string
  ipfsPeerId: string
  ipfsPeerAddresses: string[]
  /** Why the IPFS node is waited for, if it is. */
  outage: Outage | undefined
  /** ms since the epoch. */
  now: number
}

export function localStatus({ self, pin, record, inFlight }: LocalView): PinStatus {
  if (record !== undefined) return recordStatus(record, inFlight)
  if (pin === undefined) return 'unpinned'
  const duty = dutyOf(pin, self)
  // Nothing is proven yet of a pin that is to be held and has no record.
  return duty === 'hold' ? 'pin_queued' : duty
}

export function peerPinInfo(view: LocalView, reporter: Reporter): PeerPinInfo {
  const { pin, record } = view
  const status = localStatus(view)
  const running = status === view.inFlight?.status ? view.inFlight : undefined
  const { peerName, ipfsPeerId, ipfsPeerAddresses } = reporter
  return {
    peerName,
    ipfsPeerId,
    ipfsPeerAddresses,
    status,
    timestamp: since(pin, record, running, reporter.now),
    error: errorText(status, record, reporter.outage),
    attemptCount: running?.attempts ?? record?.attempts ?? 0,
    priorityPin: record !== undefined && status !== 'pinned' && isPriorityClass(record.priority),
    ...(running?.progress === undefined ? {} : { progress: running.progress }),
  }
}

/** A try counts as running only while it runs: a record may still say so after a crash, or before it is put back. */
function recordStatus(record: LocalRecord, inFlight: InFlight | undefined): PinStatus {
  if (inFlight?.generation === record.generation) return inFlight.status
  if (record.status === 'pinning') return 'pin_queued'
  if (record.status === 'unpinning') return 'unpin_queued'
  return record.status
}

function since(
  pin: Pin | undefined,
  record: LocalRecord | undefined,
  running: InFlight | undefined,
  now: number,
): bigint {
  if (running !== undefined) return nanoseconds(running.since)
  if (record !== undefined) return nanoseconds(record.since)
  return pin?.timestamp ?? nanoseconds(now)
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms)) * 1_000_000n
}

function errorText(status: PinStatus, record: LocalRecord | undefined, outage: Outage | undefined): string {
  const error = record?.error ?? ''
  if (status === 'unexpectedly_unpinned' && error === '') return 'the item should be pinned but it is not'
  const waits = waiting.includes(status)
  return waits && outage !== undefined && error === '' ? `waiting for the IPFS node: ${outage.error}` : error
}

/** What an IPFS node that does not answer holds up: what runs is stuck in it. */
const waiting: readonly PinStatus[] = ['pin_queued', 'pinning', 'unpin_queued', 'unpinning']
