/** One thread of many seeds: takes the number of a seed, answers with its report. */
import { type Profile, planOf } from './plan.ts'
import { simulate } from './simulation.ts'

declare const self: Worker

export interface SeedRequest {
  seed: number
  profile: Profile
}

self.onmessage = ({ data: { seed, profile } }: MessageEvent<SeedRequest>) => {
  self.postMessage(simulate(planOf(seed, profile)))
}
