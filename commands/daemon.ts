/** `cluster daemon`: runs a peer until it is told to stop. */

import { hasConfiguration } from '../core/local/folder.ts'
import { makePeer } from '../core/local/new-peer.ts'
import { type Config, loadPeerFiles } from '../core/local/peer-files.ts'
import type { Peer } from '../core/peer.ts'
import type { Logger } from '../core/runtime/ports.ts'
import { strayErrorHandler } from '../core/runtime/stray-errors.ts'
import { createSystemRuntime } from '../core/runtime/system.ts'
import { command } from './command.ts'
import type { ParsedValues } from './declaration.ts'
import type { Session } from './session.ts'

const flags = {
  init: { type: 'boolean', description: 'first make the files of a peer, when there are none' },
  ipfs: {
    type: 'string',
    options: ['auto', 'kubo', 'embedded'],
    default: 'auto',
    description: 'with --init: the IPFS node, as of "cluster init"',
  },
  bootstrap: {
    type: 'string',
    alias: ['j'],
    hint: 'multiaddrs',
    default: '',
    description: 'peers to join, comma separated',
  },
  'no-trust': { type: 'boolean', description: 'do not trust the peers of --bootstrap' },
  stats: { type: 'boolean', description: 'serve metrics, whatever the configuration says' },
  tracing: { type: 'boolean', description: 'trace, whatever the configuration says' },
  leave: { type: 'boolean', alias: ['x'], description: 'leave the cluster when stopping', hidden: true },
  upgrade: { type: 'boolean', alias: ['u'], description: 'has no effect', hidden: true },
} as const

export default command({
  args: flags,
  details:
    'Ctrl-C, SIGTERM and SIGHUP stop the peer in order; a third one ends it at once. The log goes to stderr; systemd is\n' +
    'told when the peer is ready.',
  examples: [
    ['cluster daemon --init', 'makes a peer if there is none, and runs it'],
    ['cluster daemon --loglevel info,crdt:debug', 'logs more of one component'],
  ],
  async run({ args, session }) {
    const stop = stopping(session)
    const runtime = createSystemRuntime(session.log)
    const { logger } = runtime
    stop.logger = logger
    // The network libraries leave some errors of broken connections to nobody; none of them is worth the peer.
    session.takeStrayErrors(strayErrorHandler(logger, runtime.clock))
    const { folder, environment } = session
    if (args.init && !hasConfiguration(folder)) await initialise(args, session, logger)

    const { config, identity, warnings } = await loadPeerFiles({ folder, environment })
    for (const warning of warnings) logger.warn(warning)
    applyFlags(config, args)

    const { createPeer } = await import('../core/peer.ts')
    const bootstrap = { addresses: listOf(args.bootstrap), trusted: !args.noTrust }
    await using peer = await createPeer({ config, identity, runtime, bootstrap })
    tellAddresses(peer, config, logger)
    peer.ready.then(
      () => tellReady(logger, environment),
      (error: unknown) => logger.error('the peer will not become ready', { cause: String(error) }),
    )
    await stop.asked
    logger.info('stopping the peer')
    await notify(environment, 'STOPPING=1')
  },
})

/** Takes the signals over. The first one resolves `asked`. */
function stopping(session: Session): { asked: Promise<void>; logger: Logger | undefined } {
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop: { asked: Promise<void>; logger: Logger | undefined } = { asked: promise, logger: undefined }
  session.takeSignals((count) => {
    if (count === 1) resolve()
    if (count === 2) stop.logger?.warn('still stopping; once more to end at once, without waiting')
    return count >= 3
  })
  return stop
}

async function initialise(
  { ipfs }: ParsedValues<typeof flags>,
  session: Session,
  logger: Logger,
): Promise<void> {
  const { folder, environment } = session
  const made = await makePeer({
    folder,
    environment,
    ipfs,
    datastore: 'pebble',
    peers: [],
    randomPorts: false,
    force: false,
  })
  logger.info('made a new peer', { id: made.id, configuration: made.serviceFile, ipfs: made.ipfs })
}

/** Flags go over the configuration, for this run. */
function applyFlags(config: Config, args: ParsedValues<typeof flags>): void {
  if (args.stats) config.metrics.enableStats = true
  if (args.tracing) config.tracing.enableTracing = true
  if (args.leave) config.cluster.leaveOnShutdown = true
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function tellAddresses(peer: Peer, config: Config, logger: Logger): void {
  const { folder, cluster } = config
  logger.info(`IPFS Cluster v${peer.service.version} listening on:`, { peer: cluster.peername, folder })
  for (const address of peer.clusterAddresses) logger.info(address)
  for (const address of peer.restAddresses) logger.info(`RESTAPI (HTTP): ${address}`)
  for (const address of peer.gatewayUrls) logger.info(`IPFS gateway: ${address}`)
  if (peer.ipfsKind === 'kubo') logger.info(`IPFS: Kubo at ${config.ipfshttp.nodeMultiaddress}`)
  else logger.info('IPFS: the node of this peer')
}

async function tellReady(logger: Logger, environment: Session['environment']): Promise<void> {
  logger.info('** IPFS Cluster is READY **')
  await notify(environment, 'READY=1')
}

async function notify(environment: Session['environment'], state: string): Promise<void> {
  const socket = environment.NOTIFY_SOCKET
  if (!socket) return
  const { notifyServiceManager } = await import('../core/runtime/service-notice.ts')
  notifyServiceManager(socket, state)
}
