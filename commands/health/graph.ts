/** `cluster health graph`. */
import { writeOutput } from '../../core/local/output-file.ts'
import { harmlessCopy } from '../../core/runtime/harmless-text.ts'
import { command } from '../command.ts'
import { CommandError } from '../errors.ts'
import { connectGraphText } from '../text/connect-graph.ts'

export default command({
  args: {
    file: {
      type: 'string',
      alias: ['f'],
      hint: 'file',
      default: '',
      description: 'where to write to (stdout)',
    },
    'all-ipfs-peers': {
      type: 'boolean',
      description: 'draw IPFS nodes too that belong to no peer of the cluster',
    },
  },
  details:
    'The graph is in the DOT language of Graphviz, whatever --encoding says. Each peer is asked for those that it sees, and\n' +
    'for what its IPFS node is connected to.',
  examples: [
    ['cluster health graph | dot -Tsvg > graph.svg', 'draws the graph with Graphviz'],
    [
      'cluster health graph -f graph.dot --all-ipfs-peers',
      'writes it to a file, with all IPFS nodes that are seen',
    ],
  ],
  async run({ args, session }) {
    const client = await session.client()
    const graph = await client.connectGraph({ signal: session.signal })
    const text = connectGraphText(harmlessCopy(graph), { allIpfsPeers: args.allIpfsPeers })
    if (args.file === '' || args.file === '-') return await session.write(text)
    await writeOutput(args.file, whole(text), (cause) => {
      throw new CommandError('creating output file', cause)
    })
  },
})

async function* whole(text: string): AsyncGenerator<string> {
  yield text
}
