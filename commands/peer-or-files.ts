/** Reads of a running peer, or of its files when none runs. */
import type { LocalPinset } from '../core/local/pinset.ts'
import type { GoJson } from '../core/pin/go-json.ts'
import { goJson, parseGoJson } from '../core/pin/go-json.ts'
import type { Session } from './session.ts'

/**
 * Rows as the peer gives them. When no peer answers, and the user did not name one, the rows of the pinset in the folder
 * if there is one; that is then said.
 */
export async function* fromPeerOrFiles<Row>(
  session: Session,
  fromPeer: () => AsyncIterable<Row>,
  fromFiles: (pinset: LocalPinset) => Iterable<{ [key: string]: GoJson | undefined }>,
): AsyncGenerator<Row> {
  const rows = fromPeer()[Symbol.asyncIterator]()
  let first: IteratorResult<Row>
  try {
    first = await rows.next()
  } catch (error) {
    using pinset = await localPinset(session, error)
    session.say(`no peer answers; this is what the files in ${session.folder} say`)
    // Through the text of the API, so that both ways give the same rows.
    for (const row of fromFiles(pinset)) yield parseGoJson(goJson(row)) as Row
    return
  }
  for (let next = first; !next.done; next = await rows.next()) yield next.value
}

/** Throws `error` when the files are no substitute for the peer that did not answer. */
async function localPinset(session: Session, error: unknown): Promise<LocalPinset> {
  const isUnreached =
    error instanceof Error && error.name === 'ApiError' && 'answered' in error && !error.answered
  if (!isUnreached || session.hostIsGiven) throw error
  const [{ LocalPinset }, { localPeerName }] = await Promise.all([
    import('../core/local/pinset.ts'),
    import('../core/local/api.ts'),
  ])
  const { folder, environment } = session
  try {
    return new LocalPinset(folder, await localPeerName(folder, environment))
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'StoreMissingError') throw error
    throw cause
  }
}
