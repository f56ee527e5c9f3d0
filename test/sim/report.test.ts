import { expect, test } from 'bun:test'
import { failureText, type Report } from './report.ts'

const report: Report = {
  seed: 5,
  mask: { operations: new Set([1, 2, 3]), faults: new Set([1, 4, 5, 6]) },
  drawn: { operations: 10, faults: 4, peers: 3 },
  complaints: [{ check: 'anytime_nothing_is_thrown', complaint: 'it was' }],
  events: 0,
  hash: '',
  counts: {},
  faults: {},
  seconds: 0,
  tail: [],
}

test('faults that were left out and that a smaller run never came to are not counted', () => {
  expect(failureText(report)).toContain('seed 5 fails with 3 peers, 7 operations and 2 faults:')
})
