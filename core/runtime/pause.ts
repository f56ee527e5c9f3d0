/** Waiting on the scheduler's time. */
import type { Scheduler } from './ports.ts'

/** Resolves after `ms`, or as soon as the signal fires: who must not go on then asks the signal. */
export async function pause(scheduler: Scheduler, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = () => resolve()
  const timer = scheduler.after(ms, stop)
  signal?.addEventListener('abort', stop, { once: true })
  await promise
  timer.cancel()
  signal?.removeEventListener('abort', stop)
}
