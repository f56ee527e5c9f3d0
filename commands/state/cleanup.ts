/** `cluster state cleanup`. */
import { cleanupState } from '../../core/local/state-cleanup.ts'
import { command } from '../command.ts'

export default command({
  args: {
    force: { type: 'boolean', alias: ['f'], description: 'delete without asking' },
  },
  details:
    'Needs the peer to be stopped. Configuration and identity stay; content stays on the IPFS node. When the peer runs\n' +
    'again, it takes the pinset over from other peers, if there are some.',
  examples: [['cluster state cleanup --force', 'deletes the pinset of this peer']],
  async run({ args, session }) {
    if (!args.force && !session.force) {
      await session.confirm('The peer state will be removed. Existing pins may be lost. Continue?', '--force')
    }
    await cleanupState(session.folder)
    session.say(`the pinset in ${session.folder} was removed`)
  },
})
