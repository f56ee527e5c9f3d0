/** `cluster config show`. */
import { showConfig } from '../../core/local/peer-files.ts'
import { harmlessText } from '../../core/runtime/harmless-text.ts'
import { command } from '../command.ts'

export default command({
  args: {
    secrets: { type: 'boolean', description: 'show secrets, keys and passwords too' },
  },
  details:
    'Shows all settings as the peer would use them: the file, or what it points to, with the environment over it.',
  examples: [
    ['cluster config show', 'shows the configuration with secrets hidden'],
    ['cluster config show --secrets', 'shows it all'],
  ],
  async run({ args, session }) {
    const { folder, environment, signal } = session
    const { text, warnings } = await showConfig({ folder, environment, signal, secrets: args.secrets })
    for (const warning of warnings) session.warn(warning)
    await session.print(JSON.parse(text), () => `${text.split('\n').map(harmlessText).join('\n')}\n`)
  },
})
