/** Peer IDs in arguments. */
import { parsePeerId } from '../core/pin/peer-id.ts'
import type { PeerIdText } from '../core/pin/pin.ts'
import { CommandError } from './errors.ts'

/** Throws `CommandError` in place of a request that would be refused. */
export function peerIdArgument(text: string): PeerIdText {
  try {
    return parsePeerId(text)
  } catch (cause) {
    throw new CommandError('parsing peer ID', cause)
  }
}
