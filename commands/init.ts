/** `cluster init`. */
import { hasConfiguration } from '../core/local/folder.ts'
import { type MadePeer, makePeer } from '../core/local/new-peer.ts'
import { command } from './command.ts'
import type { ParsedValues } from './declaration.ts'
import { CommandError } from './errors.ts'
import type { Session } from './session.ts'

const args = {
  source: {
    type: 'positional',
    hint: 'http-source-url',
    description: 'address of a configuration to follow instead of having one',
  },
  ipfs: {
    type: 'string',
    options: ['auto', 'kubo', 'embedded'],
    default: 'auto',
    description: 'the IPFS node: Kubo, one inside of the peer, or Kubo if one answers now',
  },
  consensus: {
    type: 'string',
    options: ['crdt', 'raft'],
    default: 'crdt',
    description: 'crdt is the only one here',
  },
  datastore: {
    type: 'string',
    options: ['pebble', 'leveldb', 'badger', 'badger3'],
    default: 'pebble',
    description: 'the store that ipfs-cluster-service would use with this file; this program has its own',
  },
  'custom-secret': { type: 'boolean', alias: ['s'], description: 'ask for the cluster secret' },
  peers: {
    type: 'string',
    hint: 'multiaddrs',
    default: '',
    description: 'peers to begin with and to trust, comma separated',
  },
  force: { type: 'boolean', alias: ['f'], description: 'replace a configuration without asking' },
  randomports: { type: 'boolean', description: 'listen on ports that are free now' },
} as const

export default command({
  args,
  details:
    'Writes service.json, identity.json and peerstore into the folder of the peer. An identity that is there is kept.\n' +
    'CLUSTER_SECRET, and the other variables of the configuration, go into the file.',
  examples: [
    ['cluster init', 'makes a peer in ~/.ipfs-cluster'],
    ['CLUSTER_SECRET=<hex> cluster init --peers <multiaddr>', 'makes a peer that joins others'],
    ['cluster --config ./peer2 init --randomports --ipfs embedded', 'makes a second peer on this machine'],
  ],
  async run({ args, session }) {
    if (args.consensus === 'raft') {
      throw new CommandError(
        'creating configuration',
        'raft is not supported; leave --consensus out, for crdt',
      )
    }
    const exists = hasConfiguration(session.folder)
    if (exists && !args.force && !session.force) {
      await session.confirm('The configuration file will be overwritten. Continue?', '--force')
    }
    const secret = await askedSecret(args, session)
    const made = await makePeer({
      folder: session.folder,
      environment: session.environment,
      datastore: args.datastore,
      peers: args.peers.split(',').filter((peer) => peer.trim() !== ''),
      randomPorts: args.randomports,
      ipfs: args.ipfs,
      force: exists,
      ...(args.source === undefined ? {} : { source: args.source }),
      ...(secret === undefined ? {} : { secret }),
    })
    tell(made, args.source !== undefined, session)
  },
})

async function askedSecret(
  { customSecret, source }: ParsedValues<typeof args>,
  session: Session,
): Promise<string | undefined> {
  if (!customSecret || source !== undefined) return undefined
  return await session.askSecret('Enter cluster secret (32-byte hex string):', 'CLUSTER_SECRET=<hex>')
}

function tell(made: MadePeer, hasSource: boolean, session: Session): void {
  session.say(`configuration written to ${made.serviceFile}.`)
  if (made.identityCreated) session.say(`new identity written to ${made.identityFile}`)
  if (made.peerstore !== undefined) {
    const { file, entries } = made.peerstore
    session.say(
      entries === 0
        ? `new empty peerstore written to ${file}.`
        : `peerstore written to ${file} with ${entries} entries.`,
    )
  }
  if (!made.hasSecret)
    session.warn('CLUSTER_SECRET is set and empty: whoever reaches this peer can join the cluster')
  if (hasSource) return
  if (made.probed !== undefined) {
    const found = made.ipfs === 'kubo' ? 'answers' : 'does not answer'
    session.say(`Kubo ${found} at ${made.probed}.`)
  }
  session.say(
    made.ipfs === 'kubo'
      ? 'the peer will use Kubo; --ipfs embedded would give it an IPFS node of its own.'
      : 'the peer will have an IPFS node of its own; --ipfs kubo would make it use Kubo.',
  )
}
