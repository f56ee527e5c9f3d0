/** Writes the pinset of a peer as text, one JSON object of a pin a line; the peer may run meanwhile. */
import { goJson } from '../pin/go-json.ts'
import { pinToJson } from '../pin/json.ts'
import { hasConfiguration } from './folder.ts'
import { type LoadOptions, loadPeerFiles } from './peer-files.ts'
import { LocalPinset } from './pinset.ts'

/** Lines that are made into one text. */
const linesAtOnce = 500

/**
 * Texts of some lines each, in the byte order of the CIDs. A peer that has never run has no pins. Throws the errors of
 * `LocalPinset`, and `ForeignStateError` for a folder of the Go program.
 */
export async function* exportState(options: LoadOptions): AsyncGenerator<{ text: string; pins: number }> {
  let pinset: LocalPinset
  try {
    pinset = new LocalPinset(options.folder)
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'StoreMissingError') throw error
    if (!hasConfiguration(options.folder)) throw error
    await loadPeerFiles(options)
    return
  }
  using _open = pinset
  let lines: string[] = []
  for (const pin of pinset.pins()) {
    options.signal?.throwIfAborted()
    lines.push(`${goJson(pinToJson(pin, 'stored'))}\n`)
    if (lines.length < linesAtOnce) continue
    yield { text: lines.join(''), pins: lines.length }
    lines = []
  }
  if (lines.length > 0) yield { text: lines.join(''), pins: lines.length }
}
