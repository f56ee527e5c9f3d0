/**
 * The rules between a request and a stored pin (`spec/behaviour.md` §1.2, §1.6, §1.8), with the original's messages. All of
 * them throw `InvalidPinError`.
 */
import type { CID } from 'multiformats/cid'
import { brokenBound } from './bounds.ts'
import { InvalidPinError } from './errors.ts'
import { pinTypeName } from './json.ts'
import { isPinEverywhere, type Pin, type PinOptions, type UnixNano } from './pin.ts'

/** The factors of the configuration, for requests that give none. */
export interface ReplicationDefaults {
  min: number
  max: number
}

/**
 * The pin that a user asks for, before it is prepared. The mode decides the depth on every route; the original forgets it
 * for plain CIDs.
 */
export function requestedPin(cid: CID, options: PinOptions): Pin {
  return { ...options, cid, type: 'data', allocations: [], maxDepth: options.mode === 'direct' ? 0 : -1 }
}

/**
 * Fills in and checks what is to be stored; only allocations are still to be decided when there are none. `pinUpdate` is
 * kept and means nothing here: an update happens when a user asks for one (`isUpdate`), not each time that the pin it
 * made is written again, which in the original pins such a pin to a dead peer for ever.
 */
export function preparePin(
  existing: Pin | undefined,
  requested: Pin,
  defaults: ReplicationDefaults,
  now: UnixNano,
): Pin {
  const pin: Pin = { ...requested, ...replicationFactors(requested, defaults), timestamp: now }
  if (isPinEverywhere(pin)) pin.allocations = []
  checkReplicationFactors(pin)
  // Another peer's pin beyond the bounds may be written again, so that it can move to other peers.
  if (existing === undefined || brokenBound(existing) === undefined) checkBounds(pin)
  if (pin.expireAt !== undefined && pin.expireAt < now) {
    throw new InvalidPinError('pin.ExpireAt set before current time')
  }
  if (existing !== undefined) checkRepin(existing, pin)
  return pin
}

/** True when a request is to copy the pin of another CID: see `updatedPin`. */
export function isUpdate(cid: CID, options: PinOptions): boolean {
  return options.pinUpdate !== undefined && !options.pinUpdate.equals(cid)
}

/**
 * The pin that takes the place of `source` for `cid`: a copy, with its own name and expiry where the request gives them
 * (an expiry in the past is passed over). All other options of the request are ignored, as in the original; unlike
 * there, a pin that `cid` has already is replaced only where a re-pin could.
 */
export function updatedPin(
  existing: Pin | undefined,
  source: Pin,
  cid: CID,
  options: PinOptions,
  now: UnixNano,
): Pin {
  if (source.type !== 'data') throw new InvalidPinError('this pin type cannot be updated')
  checkBounds(options)
  const pin: Pin = { ...source, cid, pinUpdate: source.cid, timestamp: now }
  if (options.name !== '') pin.name = options.name
  if (options.expireAt !== undefined && options.expireAt > now) pin.expireAt = options.expireAt
  if (existing !== undefined) checkRepin(existing, pin)
  return pin
}

/** Refuses to unpin the parts of sharded content by themselves. */
export function checkUnpin(pin: Pin): void {
  if (pin.type === 'shard') {
    throw new InvalidPinError('cannot unpin a shard directly. Unpin content root CID instead')
  }
  if (pin.type === 'cluster-dag') {
    throw new InvalidPinError('cannot unpin a Cluster DAG directly. Unpin content root CID instead')
  }
}

/**
 * A factor that is 0 takes the default. When only one is given and the default of the other is −1 (everywhere), both take
 * the given one: the original would refuse the pair.
 */
export function replicationFactors(pin: PinOptions, defaults: ReplicationDefaults) {
  const { replicationFactorMin: min, replicationFactorMax: max } = pin
  return {
    replicationFactorMin: min !== 0 ? min : max !== 0 && defaults.min === -1 ? max : defaults.min,
    replicationFactorMax: max !== 0 ? max : min !== 0 && defaults.max === -1 ? min : defaults.max,
  }
}

function checkBounds(options: PinOptions): void {
  const fault = brokenBound(options)
  if (fault !== undefined) throw new InvalidPinError(fault)
}

function checkReplicationFactors({ replicationFactorMin: min, replicationFactorMax: max }: PinOptions): void {
  if (min === 0 || max === 0) throw new InvalidPinError('cluster.replication_factor_min and max must be set')
  if (min > max) throw new InvalidPinError('cluster.replication_factor_min is larger than max')
  if (min < -1) throw new InvalidPinError('cluster.replication_factor_min is wrong')
  if (max < -1) throw new InvalidPinError('cluster.replication_factor_max is wrong')
  if ((min === -1) !== (max === -1)) {
    throw new InvalidPinError('cluster.replication_factor_min and max must be -1 when one of them is')
  }
}

function checkRepin(existing: Pin, pin: Pin): void {
  if (existing.type !== pin.type) {
    throw new InvalidPinError(
      'cannot repin CID with different tracking method, clear state with pin rm to proceed. ' +
        `New: ${pinTypeName(pin.type)}. Was: ${pinTypeName(existing.type)}`,
    )
  }
  if (existing.mode === 'recursive' && pin.mode !== 'recursive') {
    throw new InvalidPinError(
      'cannot repin a CID which is already pinned in recursive mode ' +
        `(new pin is pinned as ${pin.mode}). Unpin it first.`,
    )
  }
  checkShape(pin)
}

/** The original asks depth 1 of shards, and then refuses to write its own larger ones again, which have 2. */
function checkShape(pin: Pin): void {
  const { type, maxDepth, reference, allocations } = pin
  if (type === 'data' && reference !== undefined) {
    throw new InvalidPinError('data pins should not reference other pins')
  }
  if (type === 'shard' && maxDepth !== 1 && maxDepth !== 2) {
    throw new InvalidPinError('must pin shards go depth 1')
  }
  if (type === 'cluster-dag' && maxDepth !== 0) throw new InvalidPinError('must pin roots directly')
  if (type === 'cluster-dag' && reference === undefined) {
    throw new InvalidPinError('clusterDAG pins should reference a Meta pin')
  }
  if (type === 'meta' && allocations.length > 0) {
    throw new InvalidPinError('meta pin should not specify allocations')
  }
  if (type === 'meta' && reference === undefined) {
    throw new InvalidPinError('metaPins should reference a ClusterDAG')
  }
  if (type === 'bad') throw new InvalidPinError('unrecognized pin type')
}
