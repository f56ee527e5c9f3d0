/** Findings of a check, as people read them. */
import type { StoreFault } from '../../core/runtime/store.ts'

export function faultText({ where, what, problem }: StoreFault): string {
  return `${where} | ${what} | ${problem}\n`
}
