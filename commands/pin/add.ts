/** `cluster pin add`. */
import { pathArgument } from '../cid.ts'
import { command } from '../command.ts'
import { UsageError } from '../errors.ts'
import { pinText } from '../text/pin.ts'
import {
  allocationsOf,
  detailFlags,
  expiryFlag,
  expiryOf,
  metadataOf,
  nameFlag,
  replicationFlags,
  warnOfAllocations,
} from './options.ts'
import { checkedWait, outcomeFlags, showOutcome } from './outcome.ts'

export default command({
  args: {
    cid: {
      type: 'positional',
      hint: 'CID|path',
      required: true,
      description: 'what to pin: a CID, or /ipfs/…, /ipns/…',
    },
    replication: {
      type: 'integer',
      alias: ['r'],
      default: 0,
      hint: 'n',
      description: 'copies wanted, at least and at most',
    },
    ...replicationFlags,
    ...detailFlags,
    ...nameFlag,
    mode: {
      type: 'string',
      options: ['recursive', 'direct'],
      default: 'recursive',
      description: 'pin all that hangs on it, or only the block itself',
    },
    ...expiryFlag,
    'dry-run': { type: 'boolean', description: 'only show what would be stored, and where' },
    ...outcomeFlags,
  },
  examples: [
    [
      'cluster pin add bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi',
      'pins with the settings of the peer',
    ],
    ['cluster pin add --rmin 2 --name foo <CID>', 'asks for two copies at least, and names the pin'],
    [
      'cluster pin add --wait --wait-timeout 5m /ipns/docs.ipfs.tech',
      'pins what the name leads to and waits for it',
    ],
  ],
  async run({ args, session }) {
    const outcome = checkedWait(args, session)
    if (outcome.wait && args.dryRun) throw new UsageError('--dry-run pins nothing to --wait for')
    const path = pathArgument(args.cid)
    const client = await session.client()
    const request = {
      replicationFactorMin: args.replication || args.replicationMin,
      replicationFactorMax: args.replication || args.replicationMax,
      name: args.name,
      mode: args.mode,
      userAllocations: allocationsOf(args.allocations),
      metadata: metadataOf(args.metadata),
      ...expiryOf(args.expireIn),
      dryRun: args.dryRun,
    }
    const pin = await client.pin(path, request, { signal: session.signal })
    warnOfAllocations(request.userAllocations, pin, session)
    if (args.dryRun) await session.print(pin, pinText)
    else await showOutcome(session, pin, 'pinned', outcome)
  },
})
