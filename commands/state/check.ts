/** `cluster state check`. */
import { checkState } from '../../core/local/state-repair.ts'
import { command } from '../command.ts'
import { StateFaultyError } from '../errors.ts'
import { faultText } from '../text/fault.ts'

export default command({
  args: {},
  details:
    'Compares everything that is derived (pins, heads, counts, work to do) with what the replicated history amounts to, and\n' +
    'prints what differs. Works beside a running peer. It takes room on the disk for the derived tables once more.',
  examples: [['cluster state check', 'ends with 0 when all agrees, with 1 when something does not']],
  async run({ session }) {
    const { folder, signal } = session
    using progress = session.progress('checking')
    let faults = 0
    const found = checkState(folder, {
      signal,
      onProgress: ({ phase, done, total }) => progress.update(`${done} ${phase}`, total && done / total),
    })
    for await (const fault of found) {
      faults++
      await session.print(fault, faultText)
    }
    if (faults > 0) throw new StateFaultyError(faults)
    session.say('the tables agree with the history')
  },
})
