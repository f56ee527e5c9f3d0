/**
 * What every store does, whatever it is kept on. Each kind has a call of `storeCompliance` in `compliance.test.ts`, with a
 * way to make one.
 */
import { describe } from 'bun:test'
import type { PeerIdText } from '../../../core/pin/pin.ts'
import type { Store } from '../../../core/runtime/store.ts'
import type { QueueBounds } from '../../../core/store/commit-queue.ts'
import { backgroundCases } from './compliance-background.ts'
import { censusCases } from './compliance-census.ts'
import { changeCases } from './compliance-changes.ts'
import { listCases } from './compliance-lists.ts'
import { localCases } from './compliance-local.ts'
import { mergeCases } from './compliance-merges.ts'
import { writeCases } from './compliance-writes.ts'
import type { ManualClock } from './fixtures.ts'

export interface SubjectOptions {
  /** `self` of the fixtures when absent. */
  self?: PeerIdText
  bounds?: Partial<QueueBounds>
  keptChanges?: number
}

export interface StoreSubject extends AsyncDisposable {
  store: Store
  readonly clock: ManualClock
  /** Closes the store and opens it again on the same data. */
  reopen(): Promise<void>
}

export type CreateSubject = (options?: SubjectOptions) => Promise<StoreSubject>

export function storeCompliance(name: string, create: CreateSubject): void {
  describe(name, () => {
    writeCases(create)
    mergeCases(create)
    listCases(create)
    localCases(create)
    censusCases(create)
    changeCases(create)
    backgroundCases(create)
  })
}
