/** The real clock and timers, and a log that is dropped. */
import type { Runtime } from '../../../core/runtime/ports.ts'
import { createSystemRuntime } from '../../../core/runtime/system.ts'

export function quietRuntime(): Runtime {
  return createSystemRuntime({ levels: { all: 'error', components: new Map() }, write: () => undefined })
}
