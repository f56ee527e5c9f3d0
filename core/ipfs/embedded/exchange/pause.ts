import type { Scheduler } from '../../../runtime/ports.ts'

/** Resolves after `ms`, or as soon as the signal fires. */
export async function pause(scheduler: Scheduler, ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = scheduler.after(ms, resolve)
  const stop = () => resolve()
  signal?.addEventListener('abort', stop)
  if (!signal?.aborted) await promise
  signal?.removeEventListener('abort', stop)
  timer.cancel()
}
