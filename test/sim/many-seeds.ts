/** Runs seeds in several threads, each the next as soon as it has room. */
import type { Profile } from './plan.ts'
import type { Report } from './report.ts'
import type { SeedRequest } from './seeds-worker.ts'

export interface ManySeeds {
  /** Asked for the next seed; undefined ends it. */
  next(): number | undefined
  profile?: Profile
  threads?: number
  onReport(report: Report): void
}

/** Of a usual machine. */
const defaultThreads = 2

/** Resolves when all are done. Rejects when a thread breaks. */
export async function runSeeds({ next, profile = 'usual', threads, onReport }: ManySeeds): Promise<void> {
  await Promise.all(
    Array.from({ length: threads ?? defaultThreads }, () => runThread(next, profile, onReport)),
  )
}

async function runThread(
  next: ManySeeds['next'],
  profile: Profile,
  onReport: ManySeeds['onReport'],
): Promise<void> {
  const worker = new Worker(new URL('./seeds-worker.ts', import.meta.url))
  try {
    for (let seed = next(); seed !== undefined; seed = next()) {
      const request: SeedRequest = { seed, profile }
      onReport(
        await new Promise<Report>((resolve, reject) => {
          worker.onmessage = ({ data }: MessageEvent<Report>) => resolve(data)
          worker.onerror = (event) => reject(new Error(`seed ${request.seed}: ${event.message}`))
          worker.postMessage(request)
        }),
      )
    }
  } finally {
    worker.terminate()
  }
}

/** `count` seeds from `first` on. */
export function seedsFrom(first: number, count: number): () => number | undefined {
  let at = first
  return () => (at < first + count ? at++ : undefined)
}
