/**
 * The doors to the outside that every part of the peer goes through: time, timers, randomness, logging.
 * `system.ts` has the real ones; the simulator (`test/sim`) has virtual ones. The larger ports, the store and
 * the IPFS node, are in `store.ts` and `ipfs.ts` beside this file.
 */

/** Two clocks: one that people read, one that never goes back. */
export interface Clock {
  /** Milliseconds since the Unix epoch. It may jump: for timestamps only. */
  now(): number
  /** Milliseconds since some fixed point. It never goes back: for intervals and timeouts. */
  monotonic(): number
}

/** One armed timer. */
export interface Timer {
  /** Stops the timer; harmless after it fired. */
  cancel(): void
}

/** Runs something later. */
export interface Scheduler {
  /** Calls `task` once after `ms` milliseconds (at least 0). */
  after(ms: number, task: () => void): Timer
}

/** Randomness; seeded in the simulator. */
export interface Random {
  /** A float of [0, 1). */
  float(): number
  /** `length` random bytes. */
  bytes(length: number): Uint8Array
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Values that a log line may carry beside its text. Secrets never do. */
export type LogFields = Record<string, string | number | boolean | undefined>

/** The logger of one component. */
export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** The logger of another component with the same destination. */
  component(name: string): Logger
}

/** The ports that nearly everything needs, handed down together. */
export interface Runtime {
  readonly clock: Clock
  readonly scheduler: Scheduler
  readonly random: Random
  readonly logger: Logger
}
