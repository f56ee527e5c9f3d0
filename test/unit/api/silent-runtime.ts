/** The real ports, with a log that is kept instead of printed. */
import type { Logger, Runtime } from '../../../core/runtime/ports.ts'
import { systemClock, systemRandom, systemScheduler } from '../../../core/runtime/system.ts'

export interface KeptLine {
  component: string
  message: string
}

export function keepingLogger(lines: KeptLine[], component = 'test'): Logger {
  const keep = (message: string) => {
    lines.push({ component, message })
  }
  return {
    debug: keep,
    info: keep,
    warn: keep,
    error: keep,
    component: (name) => keepingLogger(lines, name),
  }
}

export const silentLogger: Logger = keepingLogger([])

export function keepingRuntime(lines: KeptLine[]): Runtime {
  return {
    clock: systemClock,
    scheduler: systemScheduler,
    random: systemRandom,
    logger: keepingLogger(lines),
  }
}
