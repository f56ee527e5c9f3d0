/** `cluster add`. */
import type { AddQuery } from '../core/client/cluster-client.ts'
import { isWebAddress, survey, walk } from '../core/client/files.ts'
import type { AddedObject, PinObject } from '../core/client/shapes.ts'
import type { Upload } from '../core/client/upload.ts'
import { command } from './command.ts'
import type { ParsedValues } from './declaration.ts'
import { CommandError, UsageError } from './errors.ts'
import {
  allocationsOf,
  detailFlags,
  expiryFlag,
  expiryOf,
  metadataOf,
  nameFlag,
  replicationFlags,
  warnOfAllocations,
} from './pin/options.ts'
import { checkedWait, waitFlags, waitFor } from './pin/outcome.ts'
import type { Session } from './session.ts'
import { bytesText } from './text/bytes.ts'
import { addedText } from './text/pin.ts'

const args = {
  paths: {
    type: 'positional',
    hint: 'path',
    many: true,
    description: 'files, folders (with --recursive), http:// or https:// addresses, - for stdin',
  },
  recursive: { type: 'boolean', alias: ['r'], description: 'go into folders' },
  quiet: { type: 'boolean', alias: ['q'], description: 'print only CIDs' },
  quieter: { type: 'boolean', alias: ['Q'], description: 'print only the last CID' },
  'no-stream': { type: 'boolean', description: 'print at the end; as JSON, one array' },
  local: { type: 'boolean', description: 'send the blocks only to the peer that is asked, and pin as usual' },
  ...nameFlag,
  ...replicationFlags,
  ...expiryFlag,
  ...detailFlags,
  'no-pin': { type: 'boolean', description: 'do not pin what was added' },
  wait: { type: 'boolean', description: 'wait until the peers have pinned it' },
  ...waitFlags,
  'wrap-with-directory': {
    type: 'boolean',
    alias: ['w'],
    description: 'put it into a folder, which keeps its name; with several paths by itself',
  },
  format: {
    type: 'string',
    options: ['unixfs', 'car'],
    default: 'unixfs',
    description: 'make UnixFS of files and folders, or take a CAR file as it is',
  },
  car: { type: 'boolean', description: 'short for --format car' },
  layout: {
    type: 'string',
    default: '',
    hint: 'balanced|trickle',
    description: 'shape of the DAG of a file',
  },
  hidden: { type: 'boolean', alias: ['H'], description: 'also what begins with a dot, in folders' },
  chunker: {
    type: 'string',
    alias: ['s'],
    default: 'size-262144',
    description: 'how files are cut: size-<bytes>, rabin-<min>-<avg>-<max>, buzhash',
  },
  'raw-leaves': { type: 'boolean', description: 'leaves without UnixFS around them' },
  'cid-version': { type: 'integer', default: 0, description: 'version of the CIDs; 1 means raw leaves too' },
  hash: {
    type: 'string',
    default: 'sha2-256',
    description: 'hash function; another means CIDs of version 1',
  },
  nocopy: { type: 'boolean', description: 'leave the content at its web address (filestore)' },
} as const

type AddArgs = ParsedValues<typeof args>

export default command({
  args,
  examples: [
    ['cluster add README.md', 'adds and pins a file'],
    ['cluster add -r docs --name docs --wait', 'adds a folder, and waits until it is pinned'],
    ['cluster add --car file.car', 'imports a CAR file with its blocks as they are'],
    ['tar c src | cluster add -Q -', 'adds what is piped in, and prints its CID'],
  ],
  async run({ args, session }) {
    const query = queryOf(args)
    const { wait } = checkedWait(args, session)
    if (wait && args.noPin) throw new UsageError('--no-pin pins nothing to --wait for')
    checkPaths(args, query)
    const last = await addAll(args, query, session)
    if (last === undefined) return
    const allocations = query.pin.userAllocations ?? []
    if (args.noPin || (!wait && allocations.length === 0)) return
    const pin = await pinOf(last, session)
    if (pin !== undefined) warnOfAllocations(allocations, pin, session)
    if (!wait) return
    const limit = args.waitLimit || (pin?.replication_factor_min ?? args.replicationMin)
    await waitFor(session, last, 'pinned', limit, args.waitTimeout)
  },
})

/** The query of the API; some choices imply others (`spec/cli.md §2`). */
function queryOf(args: AddArgs): AddQuery {
  const cidVersion = args.hash === 'sha2-256' ? args.cidVersion : 1
  return {
    pin: {
      name: args.name,
      replicationFactorMin: args.replicationMin,
      replicationFactorMax: args.replicationMax,
      metadata: metadataOf(args.metadata),
      userAllocations: allocationsOf(args.allocations),
      shardSize: defaultShardSize,
      ...expiryOf(args.expireIn),
    },
    parameters: {
      format: args.car ? 'car' : args.format,
      layout: args.layout,
      chunker: args.chunker,
      hash: args.hash,
      'cid-version': cidVersion,
      'raw-leaves': args.rawLeaves || cidVersion > 0 || args.nocopy,
      'wrap-with-directory': args.wrapWithDirectory || args.paths.length > 1,
      hidden: args.hidden,
      recursive: args.recursive,
      local: args.local,
      nocopy: args.nocopy,
      'no-pin': args.noPin,
      shard: false,
      progress: false,
    },
  }
}

/** What the original's client sends, sharded or not. */
const defaultShardSize = 104_857_600n

/** Throws before anything is sent. */
function checkPaths({ paths, nocopy }: AddArgs, { parameters }: AddQuery): void {
  if (paths.length === 0) throw new CommandError('', 'need at least one path')
  if (paths.filter((path) => path === '-').length > 1) throw new UsageError('stdin can be added only once')
  if (parameters.format === 'car' && parameters['wrap-with-directory']) {
    throw new CommandError('', 'only a single CAR file can be added and wrap-with-directory is not supported')
  }
  if (nocopy && !paths.every(isWebAddress)) throw new CommandError('', 'nocopy option is only valid for URLs')
}

/** Uploads, prints, and returns the CID that came last. */
async function addAll(args: AddArgs, query: AddQuery, session: Session): Promise<string | undefined> {
  const { stdin, signal } = session
  const selection = { paths: args.paths, recursive: args.recursive, hidden: args.hidden, stdin, signal }
  const { size: total, links } = await survey(selection)
  for (const link of links) {
    session.warn(`${link} is a link and is added as one; ${link}/ would add the folder that it leads to`)
  }
  using progress = session.progress('adding')
  let sent = 0
  const uploads = counted(walk(selection), (bytes) => {
    sent += bytes
    const of = total === undefined ? '' : ` of ${bytesText(total)}`
    progress.update(`${bytesText(sent)}${of}`, total ? sent / total : undefined)
  })

  const client = await session.client()
  const gathered: AddedObject[] = []
  let last: AddedObject | undefined
  for await (const added of client.add(uploads, query, { signal })) {
    if (added.cid === null) continue
    last = added
    for (const warning of added.warnings ?? []) session.warn(warning)
    if (args.noStream) gathered.push(added)
    else if (!args.quieter) await session.print(added, (shown) => textOf(shown, args))
  }
  if (last === undefined) return undefined
  if (args.noStream) {
    const lines = args.quieter ? [last] : gathered
    await session.print(lines, (shown) => shown.map((added) => textOf(added, args)).join(''))
  } else if (args.quieter) await session.print(last, (shown) => textOf(shown, args))
  return last.cid ?? undefined
}

function textOf(added: AddedObject, { quiet, quieter }: AddArgs): string {
  return quiet || quieter ? `${added.cid}\n` : addedText(added)
}

/** The pin as the peer stored it; undefined when it cannot be told. */
async function pinOf(cid: string, session: Session): Promise<PinObject | undefined> {
  const client = await session.client()
  try {
    return await client.allocation(cid, { signal: session.signal })
  } catch (error) {
    session.signal.throwIfAborted()
    if (error instanceof Error && error.name === 'ApiError') return undefined
    throw error
  }
}

async function* counted(
  uploads: AsyncIterable<Upload>,
  count: (bytes: number) => void,
): AsyncGenerator<Upload> {
  for await (const upload of uploads) {
    yield upload.kind === 'file' ? { ...upload, content: countedContent(upload.content, count) } : upload
  }
}

async function* countedContent(
  content: AsyncIterable<Uint8Array>,
  count: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    yield chunk
    count(chunk.length)
  }
}
