/** The Worker that owns the writing end of the index. `block-index.ts` is its other end. */
import { messageOf } from '../../../error-text.ts'
import type { FromIndexWorker, IndexCounters, IndexFailure, ToIndexWorker } from './index-changes.ts'
import { IndexWriter } from './index-writer.ts'

declare const self: Worker

const open: { writer?: IndexWriter } = {}

self.onmessage = ({ data }: MessageEvent<ToIndexWorker>) => {
  let reply: FromIndexWorker
  try {
    reply = { id: data.id, counters: handle(data) }
  } catch (error) {
    reply = { id: data.id, failure: toFailure(error, data.kind) }
  }
  self.postMessage(reply)
}

function handle(message: ToIndexWorker): IndexCounters {
  if (message.kind === 'open') {
    open.writer = IndexWriter.open(message.file)
    return open.writer.counters
  }
  const { writer } = open
  if (writer === undefined) throw new Error('the index is not open')
  if (message.kind === 'commit') return writer.commit(message.changes)
  writer[Symbol.dispose]()
  delete open.writer
  return writer.counters
}

function toFailure(error: unknown, kind: ToIndexWorker['kind']): IndexFailure {
  const { code } = error as { code?: string }
  const isDamaged = code === 'SQLITE_NOTADB' || code?.startsWith('SQLITE_CORRUPT') === true
  const hint = isDamaged ? '; move it away and start again: it is then made again from the block files' : ''
  const message = `${messageOf(error)}${hint}`
  if (code === 'SQLITE_FULL') return { kind: 'full', message }
  return { kind: kind === 'open' ? 'unusable' : 'failed', message }
}
