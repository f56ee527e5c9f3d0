/** What can be set about the tracker, with the bounds it keeps. */
import { defaultPrioritySettings, type PrioritySettings } from './priority.ts'

export interface TrackerSettings {
  /** Pins in flight at most, 1 to 1,000 (`concurrent_pins`). */
  concurrentPins: number
  /** Unpins in flight at most, 1 to 1,000. */
  concurrentUnpins: number
  priority: PrioritySettings
  /** Nothing is unpinned from IPFS; what should be is shown as `unpin_error` and not tried (`unpin_disable`). */
  unpinDisabled: boolean
  /**
   * What is found pinned on IPFS counts as pinned by this peer and is unpinned with the pin. Without it, such content is
   * never unpinned by the cluster.
   */
  adoptExistingPins: boolean
  /** Milliseconds without a new block that end a pin, 0 = never (`pin_timeout`). */
  stallTimeout: number
}

export const defaultTrackerSettings: TrackerSettings = {
  concurrentPins: 10,
  concurrentUnpins: 10,
  priority: defaultPrioritySettings,
  unpinDisabled: false,
  adoptExistingPins: false,
  stallTimeout: 120_000,
}

/**
 * What has ended but is not yet durable counts too: together at most this many times the pins or unpins in flight. Of
 * what waits as many are read ahead, of each class.
 */
export const heldFactor = 4

/** While pins take less than this, milliseconds, as many again are checked and begun meanwhile: no slot waits for the disk. */
export const quickCall = 1_000

/** Of the pins or unpins in flight, at most this part (but at least one) tries what has failed before. */
export const retryShare = 0.75

/**
 * Milliseconds without a block after which the first try of a pin leaves its slot to a first try that waits for one. Longer
 * than it takes to notice that the IPFS node hangs.
 */
export const idleLimit = 20_000

/** Milliseconds after which the clock is looked at in any case, so that a jump of it delays what waits for a time no longer. */
export const longestWait = 60_000

/** Milliseconds without any answer to what is in flight, after which the node is asked whether it is there. */
export const silenceLimit = 10_000

/** Milliseconds until the queue is read again when it could not be read. */
export const readRetryDelay = 5_000
