/**
 * Deliberate defects, each a small change of one file, with the check that finds it and a seed in which it does. A seed that
 * no longer fails is looked for again with `bun test/sim/mutations/find-seeds.ts`.
 */
export interface Mutation {
  file: string
  /** Text that is there exactly once. */
  find: string
  put: string
  /** The check that fails. */
  foundBy: string
  seed: number
}

export const mutations: Record<string, Mutation> = {
  'a write is acknowledged before its record is synced': {
    file: 'test/sim/record-log.ts',
    find: '    await this.#disk.sync(scheduler)\n',
    put: '    void this.#disk.sync(scheduler)\n',
    foundBy: 'anytime_acknowledged_changes_are_stored',
    seed: 0,
  },
}
