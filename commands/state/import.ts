/** `cluster state import`. */
import { createReadStream } from 'node:fs'
import { access } from 'node:fs/promises'
import { loadPeerFiles } from '../../core/local/peer-files.ts'
import { importState } from '../../core/local/state-import.ts'
import { createSystemRuntime } from '../../core/runtime/system.ts'
import { command } from '../command.ts'
import { CommandError } from '../errors.ts'
import { allocationsOf, detailFlags } from '../pin/options.ts'
import type { Session } from '../session.ts'

export default command({
  args: {
    file: { type: 'positional', hint: 'file', description: 'what was exported; stdin when not given' },
    force: { type: 'boolean', alias: ['f'], description: 'replace the pinset without asking' },
    'replication-min': {
      type: 'integer',
      alias: ['rmin'],
      default: 0,
      hint: 'n',
      description: 'overwrite the minimum factor of all pins; 0 = leave it',
    },
    'replication-max': {
      type: 'integer',
      alias: ['rmax'],
      default: 0,
      hint: 'n',
      description: 'overwrite the maximum factor of all pins; 0 = leave it',
    },
    allocations: {
      ...detailFlags.allocations,
      description: 'overwrite the peers that hold each pin, comma separated',
    },
  },
  details:
    'Needs the peer to be stopped. All of the input is read and checked first; only then it takes the place of the\n' +
    'pinset. Other peers of the cluster that still have the old one would bring it back: stop and replace theirs too.',
  examples: [
    ['cluster state import --force pins.json', 'replaces the pinset with the pins of a file'],
    ['cluster --config ./new state import -f list.json', 'takes what "cluster pin ls --json" printed, too'],
    ['zcat pins.json.gz | cluster state import -f', 'reads them from stdin'],
  ],
  async run({ args, session }) {
    const { folder, environment, signal } = session
    const files = await loadPeerFiles({ folder, environment, signal, anyState: true })
    for (const warning of files.warnings) session.warn(warning)
    const allocations = allocationsOf(args.allocations)
    const input = await open(args.file, session)
    if (!args.force && !session.force) {
      await session.confirm('The pinset (state) of this peer will be replaced. Continue?', '--force')
    }
    const unknown = new Set<string>()
    using progress = session.progress('importing')
    const imported = await importState({
      files,
      runtime: createSystemRuntime(session.log),
      ...input,
      replicationMin: args.replicationMin,
      replicationMax: args.replicationMax,
      allocations,
      signal,
      onUnknownKey: (key) => {
        if (unknown.size < maxToldKeys) unknown.add(key)
      },
      onProgress: (pins) => progress.update(`${pins} pins`),
    })
    if (unknown.size > 0) {
      session.warn(`keys that mean nothing here were left out: ${[...unknown].join(', ')}`)
    }
    if (imported.withoutAllocations > 0) {
      session.warn(
        `${imported.withoutAllocations} pins have no allocations, so that no peer will hold them; import again with ` +
          '--allocations, or pin them again',
      )
    }
    session.say(`${imported.pins} pins imported`)
  },
})

/** Unknown keys that are named. */
const maxToldKeys = 10

async function open(
  file: string | undefined,
  session: Session,
): Promise<{ input: AsyncIterable<Uint8Array>; inputName: string }> {
  if (file === undefined || file === '-') {
    session.say('reading from stdin, Ctrl-D to finish')
    return { input: session.stdin, inputName: 'stdin' }
  }
  await access(file).catch((cause) => {
    throw new CommandError('opening import file', cause)
  })
  return { input: createReadStream(file, { highWaterMark: 1024 * 1024 }), inputName: file }
}
