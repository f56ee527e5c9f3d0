/**
 * The order of work. Each waiting record has a class, the `priority` of its `LocalRecord`; within a class, what has been
 * due for longest goes first. One start in eight ignores the classes and takes what has been due for longest of all, so
 * that a steady stream of new pins never starves old or failing ones (`spec/behaviour.md` §4.3).
 */
import type { UnixNano } from '../pin/pin.ts'

/** Lower goes first. The numbers are stored. */
export const priorityClass = {
  /** Asked for lately, never tried; and unpins never tried. */
  fresh: 0,
  /** Asked for lately, failed a few times; and unpins that failed a few times. */
  retried: 1,
  /** Asked for long ago, never tried: what a new peer finds when it joins. */
  old: 2,
  /** Failed often, or failed and asked for long ago. */
  failing: 3,
} as const

export type PriorityClass = (typeof priorityClass)[keyof typeof priorityClass]

/** All classes in their order. */
export const priorityClasses: readonly PriorityClass[] = [
  priorityClass.fresh,
  priorityClass.retried,
  priorityClass.old,
  priorityClass.failing,
]

/** The classes of what was never tried. */
export const firstTryClasses: readonly PriorityClass[] = [priorityClass.fresh, priorityClass.old]

/** Every so many starts, one takes what has been due for longest, whatever its class. */
export const fairTurn = 8

export interface PrioritySettings {
  /** Milliseconds after its timestamp during which a pin is new (`priority_pin_max_age`). */
  maxAge: number
  /** Failures after which a pin is failing (`priority_pin_max_retries`). */
  maxRetries: number
}

export const defaultPrioritySettings: PrioritySettings = { maxAge: 24 * 60 * 60 * 1000, maxRetries: 5 }

/** What the class of a record depends on. */
export interface Standing {
  /** When the pin was logged; an unpin has none and counts as new. */
  timestamp: UnixNano | undefined
  kind: 'pin' | 'unpin'
  attempts: number
  /** ms since the epoch. */
  now: number
}

export function classify(standing: Standing, settings: PrioritySettings): PriorityClass {
  const { attempts } = standing
  if (!isNew(standing, settings)) return attempts === 0 ? priorityClass.old : priorityClass.failing
  if (attempts === 0) return priorityClass.fresh
  return attempts <= settings.maxRetries ? priorityClass.retried : priorityClass.failing
}

/** True for the classes that the APIs show as `priority_pin`. */
export function isPriorityClass(priority: number): boolean {
  return priority <= priorityClass.retried
}

function isNew(standing: Standing, settings: PrioritySettings): boolean {
  if (standing.kind === 'unpin') return true
  if (standing.timestamp === undefined) return false
  return standing.now < Number(standing.timestamp / 1_000_000n) + settings.maxAge
}
