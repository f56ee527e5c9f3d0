/** `cluster version`. */
import { buildInfo } from '../core/runtime/build-info.ts'
import { command } from './command.ts'

export default command({
  args: {
    server: { type: 'boolean', description: 'the version that a running peer tells' },
  },
  examples: [
    ['cluster version', 'the version of this program'],
    ['cluster version --server', 'the version that the peer tells others'],
  ],
  async run({ args, session }) {
    const told = args.server ? await (await session.client()).version({ signal: session.signal }) : buildInfo
    await session.print(told, ({ version }) => `${version}\n`)
  },
})
