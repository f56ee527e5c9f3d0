/** A tracker between a store in memory and an IPFS node that the test answers for, on virtual time. */
import type { LogFields, Logger } from '../../../core/runtime/ports.ts'
import { createTracker, type Tracker } from '../../../core/tracker/driver.ts'
import { defaultTrackerSettings, type TrackerSettings } from '../../../core/tracker/settings.ts'
import { SeededRandom } from '../../sim/seeded-random.ts'
import { VirtualTime } from '../../sim/virtual-time.ts'
import { QueueStore } from './queue-store.ts'
import { ScriptedIpfs } from './scripted-ipfs.ts'

export interface Rig {
  time: VirtualTime
  store: QueueStore
  ipfs: ScriptedIpfs
  tracker: Tracker
  /** Lines logged at warn or above. */
  warnings: string[]
  /** A new tracker over the same store and node; the one before must be stopped. */
  restart(): void
  /** Lets what needs no more than a moment happen. */
  settle(): void
}

export function makeRig(settings: Partial<TrackerSettings> = {}, started = true): Rig {
  const time = new VirtualTime()
  const store = new QueueStore(time)
  const ipfs = new ScriptedIpfs()
  const warnings: string[] = []
  const runtime = { clock: time, scheduler: time, random: new SeededRandom(1), logger: listen(warnings) }
  const init = { store, ipfs, runtime, settings: { ...defaultTrackerSettings, ...settings } }
  const rig: Rig = {
    time,
    store,
    ipfs,
    tracker: createTracker(init),
    warnings,
    restart: () => {
      rig.tracker = createTracker(init)
      rig.tracker.start()
      rig.settle()
    },
    settle: () => time.run(10),
  }
  if (started) rig.restart()
  return rig
}

function listen(lines: string[]): Logger {
  const note = (message: string, fields?: LogFields) =>
    lines.push(`${message} ${JSON.stringify(fields ?? {})}`)
  const logger: Logger = { debug() {}, info() {}, warn: note, error: note, component: () => logger }
  return logger
}
