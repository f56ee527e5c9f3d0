/** `cluster state rebuild`. */
import { loadPeerFiles } from '../../core/local/peer-files.ts'
import { rebuildState } from '../../core/local/state-repair.ts'
import { command } from '../command.ts'
import { faultText } from '../text/fault.ts'

export default command({
  args: {},
  details:
    'Makes everything that is derived agree with the replicated history, and prints what did not. Needs the peer to be\n' +
    'stopped. Cut off, it can be begun anew. It takes room on the disk for the derived tables once more.',
  examples: [['cluster state rebuild', 'repairs what "cluster state check" finds']],
  async run({ session }) {
    const { folder, environment, signal } = session
    const files = await loadPeerFiles({ folder, environment, signal })
    for (const warning of files.warnings) session.warn(warning)
    using progress = session.progress('rebuilding')
    let faults = 0
    const repaired = rebuildState(files, {
      signal,
      onProgress: ({ phase, done, total }) => progress.update(`${done} ${phase}`, total && done / total),
    })
    for await (const fault of repaired) {
      faults++
      await session.print(fault, faultText)
    }
    session.say(faults === 0 ? 'nothing had to be repaired' : `${faults} faults repaired`)
  },
})
