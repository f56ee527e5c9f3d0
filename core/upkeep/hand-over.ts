/** Gives all pins of one peer to others, for a peer that is removed or leaves, without waiting for it to be gone. */
import type { PeerIdText, Pin } from '../pin/pin.ts'
import type { Logger, Runtime } from '../runtime/ports.ts'
import { allocatedPins } from './allocated-pins.ts'
import type { UpkeepStore } from './ports.ts'
import { emptyTally, type MoveOptions, type Reallocation, type Tally } from './reallocation.ts'

/** Milliseconds between two lines about it. */
const progressInterval = 5_000

export interface HandOverInit {
  store: Pick<UpkeepStore, 'pins'>
  isGone: (peer: PeerIdText) => boolean
  reallocation: Reallocation
  runtime: Runtime
}

export interface HandOverOptions extends Pick<MoveOptions, 'pace' | 'signal'> {
  /** Added to as it goes on, so that it says how far it came also when it is ended. */
  tally?: Tally
}

/** Rejects with the reason of the signal. */
export async function handOver(
  peer: PeerIdText,
  { store, isGone, reallocation, runtime }: HandOverInit,
  { tally = emptyTally(), ...options }: HandOverOptions,
): Promise<Tally> {
  const logger: Logger = runtime.logger.component('cluster')
  const { clock, scheduler } = runtime
  const wants = (pin: Pin) => pin.allocations.includes(peer)
  const gone = (each: PeerIdText) => each === peer || isGone(each)
  let told = clock.monotonic()
  for await (const page of allocatedPins(store, scheduler, options.signal)) {
    await reallocation.move(page.filter(wants), { wants, isGone: gone, tally, ...options })
    if (clock.monotonic() - told < progressInterval) continue
    told = clock.monotonic()
    logger.info('the pins of a peer are being handed over', { peer, moved: tally.moved })
  }
  const { moved, unplaced, why } = tally
  logger.info('the pins of a peer were handed over', { peer, moved, unplaced })
  if (unplaced > 0) logger.warn('pins stay with the peer for want of others', { pins: unplaced, error: why })
  return tally
}
