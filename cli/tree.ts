/** All commands: their names, what they are for in a line, and where each is loaded from when it is called. */
import type { Command } from '../commands/command.ts'
import type { CommandGroup } from './globals.ts'
import type { CommandChildren, CommandFolder, CommandLeaf } from './tree-node.ts'

export const programSummary =
  'Keeps a replicated set of pins on IPFS nodes: the peer and its client in one program.'

export const tree: CommandChildren = {
  init: local('Make the files of a new peer', () => import('../commands/init.ts')),
  daemon: local('Run the peer', () => import('../commands/daemon.ts')),
  id: client('Show who a running peer is', () => import('../commands/id.ts')),
  peers: folder('List, add and remove the peers of the cluster', {
    ls: client('List the peers, each as it says itself', () => import('../commands/peers/ls.ts')),
    add: client('Add a peer', () => import('../commands/peers/add.ts')),
    rm: client('Remove a peer', () => import('../commands/peers/rm.ts')),
  }),
  add: client('Add files, folders or CAR files and pin them', () => import('../commands/add.ts')),
  pin: folder('Pin, unpin, and list what is pinned', {
    add: client('Pin a CID or what a path leads to', () => import('../commands/pin/add.ts')),
    rm: client('Unpin', () => import('../commands/pin/rm.ts')),
    update: client(
      'Pin something with the options of an existing pin',
      () => import('../commands/pin/update.ts'),
    ),
    ls: client('List the pinset', () => import('../commands/pin/ls.ts')),
  }),
  status: client('Show how far pins are, peer by peer', () => import('../commands/status.ts')),
  recover: client('Try again what failed', () => import('../commands/recover.ts')),
  health: folder(
    'Look at connections, metrics and alerts of the cluster',
    {
      graph: client('Draw who is connected to whom', () => import('../commands/health/graph.ts')),
      metrics: client('List what peers tell of themselves', () => import('../commands/health/metrics.ts')),
      alerts: client('List metrics that ran out', () => import('../commands/health/alerts.ts')),
      bandwidth: client('Show the traffic by protocol', () => import('../commands/health/bandwidth.ts')),
    },
    client('Tell whether the peer answers', () => import('../commands/health.ts')),
  ),
  ipfs: folder('Manage the IPFS nodes of the peers', {
    gc: client('Remove what no pin holds', () => import('../commands/ipfs/gc.ts')),
  }),
  state: folder('Move, check and repair the pinset of a peer, on its files', {
    export: local('Write all pins, one JSON object a line', () => import('../commands/state/export.ts')),
    import: local('Replace the pinset with exported pins', () => import('../commands/state/import.ts')),
    check: local(
      'Check that the stored tables agree with each other',
      () => import('../commands/state/check.ts'),
    ),
    rebuild: local(
      'Derive the tables anew from the replicated history',
      () => import('../commands/state/rebuild.ts'),
    ),
    cleanup: local('Delete the pinset of this peer', () => import('../commands/state/cleanup.ts')),
  }),
  token: client('Get a token for the API', () => import('../commands/token.ts')),
  config: folder('Look at the configuration', {
    show: local('Show the configuration in use', () => import('../commands/config/show.ts')),
    validate: local('Check the configuration', () => import('../commands/config/validate.ts')),
  }),
  version: client(
    'Show the version of this program, or of a running peer',
    () => import('../commands/version.ts'),
  ),
  commands: {
    kind: 'command',
    group: 'local',
    summary: 'List all commands, one a line',
    load: async () => (await import('./list-commands.ts')).listCommands(tree),
  },
}

type Loaded = Promise<{ default: Command }>

function client(summary: string, load: () => Loaded): CommandLeaf {
  return leaf('client', summary, load)
}

function local(summary: string, load: () => Loaded): CommandLeaf {
  return leaf('local', summary, load)
}

function leaf(group: CommandGroup, summary: string, load: () => Loaded): CommandLeaf {
  return { kind: 'command', group, summary, load: async () => (await load()).default }
}

function folder(summary: string, children: CommandChildren, bare?: CommandLeaf): CommandFolder {
  return { kind: 'folder', summary, children, ...(bare && { bare }) }
}
