/**
 * Flags that every command takes, before it or after. Their long names mean one thing everywhere; a short name means what
 * it does in the program that the command comes from (`spec/cli.md §4.1`, no. 3).
 */
import type { FlagDeclaration } from '../commands/declaration.ts'

/** `client`: talks to a peer, as ipfs-cluster-ctl. `local`: works on files, as ipfs-cluster-service. */
export type CommandGroup = 'client' | 'local'

export const globalFlags = {
  config: {
    type: 'string',
    hint: 'folder',
    description: 'folder of configuration and data [IPFS_CLUSTER_PATH] (~/.ipfs-cluster)',
  },
  host: {
    type: 'string',
    hint: 'addresses',
    description: 'addresses of the API to ask, comma separated, tried in order',
  },
  encoding: {
    type: 'string',
    alias: ['enc'],
    hint: 'text|json',
    options: ['text', 'json'],
    default: 'text',
    description: 'output for people or for programs',
  },
  json: { type: 'boolean', description: 'short for --encoding json' },
  timeout: {
    type: 'integer',
    hint: 'seconds',
    default: 0,
    description: 'longest that a request may take, 0 = any time',
  },
  https: { type: 'boolean', description: 'ask the API over TLS' },
  'no-check-certificate': { type: 'boolean', description: 'take any TLS certificate' },
  'basic-auth': {
    type: 'string',
    hint: 'user[:password]',
    description: 'credentials for the API [CLUSTER_CREDENTIALS]; turns TLS on',
  },
  'force-http': { type: 'boolean', description: 'no TLS, also with credentials' },
  secret: { type: 'string', hint: 'hex', description: 'for APIs over libp2p', hidden: true },
  force: { type: 'boolean', description: 'ask nothing' },
  loglevel: {
    type: 'string',
    hint: 'levels',
    description: 'level, or component:level, comma separated [IPFS_CLUSTER_LOG_LEVEL] (info)',
  },
  'log-format': {
    type: 'string',
    hint: 'text|json',
    options: ['text', 'json'],
    default: 'text',
    description: 'form of the log on stderr',
  },
  debug: { type: 'boolean', description: 'log everything, and show where errors come from' },
  help: { type: 'boolean', description: 'show what a command does and takes' },
} as const satisfies Record<string, FlagDeclaration>

const everywhere: Readonly<Record<string, keyof typeof globalFlags>> = { c: 'config', d: 'debug', h: 'help' }

/** One-letter names. Both groups give a letter the same need of a value, so that it can be read before the command. */
export const shortGlobals: Readonly<
  Record<CommandGroup, Readonly<Record<string, keyof typeof globalFlags>>>
> = {
  client: { ...everywhere, l: 'host', s: 'https', t: 'timeout', f: 'force-http' },
  local: { ...everywhere, l: 'loglevel', f: 'force', t: 'timeout', s: 'https' },
}
