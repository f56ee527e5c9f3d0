/** Changes of the pinset as they go to the engine. */
import { DELTA_BYTES } from '../crdt/limits.ts'
import { encodePin } from '../pin/codec.ts'
import { InvalidPinError } from '../pin/errors.ts'
import type { Pin } from '../pin/pin.ts'
import type { PinsetChange } from '../runtime/store.ts'
import type { KeyChangeRequest } from './jobs.ts'

/** Throws `InvalidPinError` for a pin that no delta holds, and a `TypeError` for a re-allocation that changes more. */
export function encodeChange(change: PinsetChange): KeyChangeRequest {
  switch (change.kind) {
    case 'pin':
      return { kind: 'pin', key: change.pin.cid.bytes, value: storedValue(change.pin) }
    case 'reallocate': {
      const { pin, from } = change
      requireReallocation(pin, from)
      return { kind: 'reallocate', key: pin.cid.bytes, value: storedValue(pin), from: encodePin(from) }
    }
    case 'expire':
      return { kind: 'expire', key: change.from.cid.bytes, from: encodePin(change.from) }
    default:
      return { kind: change.kind, key: change.cid.bytes }
  }
}

function storedValue(pin: Pin): Uint8Array {
  const value = encodePin(pin)
  if (value.length <= DELTA_BYTES) return value
  throw new InvalidPinError(
    `the pin of ${pin.cid} takes ${value.length} bytes and at most ${DELTA_BYTES} can be stored; ` +
      'shorten its metadata or its list of origins',
  )
}

/** A copy is told by what it keeps, its time above all. */
function requireReallocation(pin: Pin, from: Pin): void {
  const [kept, had] = [pin, from].map(({ pinUpdate: _, ...rest }) => encodePin({ ...rest, allocations: [] }))
  if (pin.cid.equals(from.cid) && Buffer.compare(kept!, had!) === 0) return
  throw new TypeError(`the re-allocation of ${from.cid} changes more than its allocations`)
}
