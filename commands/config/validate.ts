/** `cluster config validate`. */
import { loadPeerFiles } from '../../core/local/peer-files.ts'
import { command } from '../command.ts'

export default command({
  args: {},
  details:
    'Loads configuration and identity as the peer would, and tells what is wrong with them, if anything is.',
  examples: [['cluster config validate', 'ends with 0 when a peer could start with these files']],
  async run({ session }) {
    const { folder, environment, signal } = session
    const { config, identity, warnings } = await loadPeerFiles({ folder, environment, signal })
    for (const warning of warnings) session.warn(warning)
    await session.print(
      { valid: true, configuration: config.origin, id: identity.id, warnings },
      ({ configuration }) => `${configuration} is valid\n`,
    )
  },
})
