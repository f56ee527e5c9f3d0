/** What follows a pin or unpin that a peer has taken: waiting for it, and showing how far it is. */
import type { PinObject } from '../../core/client/shapes.ts'
import { waitForStatus } from '../../core/client/wait.ts'
import type { FlagDeclaration } from '../declaration.ts'
import { CommandError, UsageError } from '../errors.ts'
import type { Session } from '../session.ts'
import { pinText, statusText } from '../text/pin.ts'

export const waitFlags = {
  'wait-limit': {
    type: 'integer',
    alias: ['wl'],
    hint: 'n',
    description: 'wait until so many peers have done it; all, or the minimum factor of a pin, when not given',
  },
  'wait-timeout': {
    type: 'duration',
    alias: ['wt'],
    default: 0,
    description: 'longest to wait, such as 30s; 0 = any time',
  },
} as const satisfies Record<string, FlagDeclaration>

export const outcomeFlags = {
  'no-status': {
    type: 'boolean',
    alias: ['ns'],
    description: 'do not ask for the status afterwards (faster, quieter)',
  },
  wait: { type: 'boolean', alias: ['w'], description: 'wait until the peers have done it' },
  ...waitFlags,
} as const satisfies Record<string, FlagDeclaration>

export interface WaitArgs {
  wait: boolean
  waitLimit: number | undefined
  waitTimeout: number
}

export interface OutcomeArgs extends WaitArgs {
  noStatus: boolean
}

/** The arguments with `wait` set where a limit of peers asks for it. To be called before anything is done: it checks. */
export function checkedWait<Args extends WaitArgs>(args: Args, session: Pick<Session, 'warn'>): Args {
  if ((args.waitLimit ?? 0) < 0) throw new UsageError('flag --wait-limit must not be below 0')
  if (args.waitTimeout < 0) throw new UsageError('flag --wait-timeout must not be below 0')
  const wait = args.wait || (args.waitLimit ?? 0) > 0
  if (!wait && args.waitTimeout !== 0) session.warn('--wait-timeout has no effect without --wait')
  return { ...args, wait }
}

/** Milliseconds until a status is worth asking for. */
const settleTime = 1000

export async function showOutcome(
  session: Session,
  pin: PinObject,
  target: 'pinned' | 'unpinned',
  /** As `checkedWait` gives them. */
  args: OutcomeArgs,
): Promise<void> {
  const limit = args.waitLimit || (target === 'pinned' ? pin.replication_factor_min : 0)
  const waited = args.wait ? await waitFor(session, pin.cid, target, limit, args.waitTimeout) : undefined
  if (args.noStatus) return await session.print(pin, pinText)
  const client = await session.client()
  if (waited === undefined) await settled(session.signal)
  const status = waited ?? (await client.status(pin.cid, { signal: session.signal }))
  await session.print(status, statusText)
}

/** Shows on a terminal how many peers are there. Throws `CommandError`. */
export async function waitFor(
  session: Session,
  cid: string,
  target: 'pinned' | 'unpinned',
  limit: number,
  timeout: number,
) {
  using progress = session.progress(`waiting until ${cid} is ${target}`)
  let peers = limit
  try {
    const status = await waitForStatus(await session.client(), cid, {
      target,
      limit,
      timeout,
      signal: session.signal,
      onFailure: (failure) => session.warn(`${failure}; the other peers are enough`),
      onStatus: (_status, done, wanted) => {
        peers = wanted
        progress.update(`on ${done} of ${wanted} peers`)
      },
    })
    if (peers < limit)
      session.warn(`${limit} peers were asked for, and only ${peers} have to do it: waited for those`)
    return status
  } catch (cause) {
    throw new CommandError('waiting for pin status', cause)
  }
}

function settled(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, settleTime)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason)
    })
  })
}
