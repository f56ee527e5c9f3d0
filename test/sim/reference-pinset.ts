/**
 * What a set of blocks amounts to, worked out anew and in the plainest way (`spec/wire.md` §3.6): all elements, less those
 * with a tombstone, and of each key the greatest. The store comes to the same by steps, in any order, through crashes.
 */
import { decodeBlock } from '../../core/crdt/dag-node.ts'
import { decodePin } from '../../core/pin/codec.ts'
import { parsePinKey } from '../../core/pin/key.ts'
import type { Pin } from '../../core/pin/pin.ts'
import type { DagBlock } from '../../core/runtime/store.ts'

export interface ReferenceElement {
  blockId: string
  priority: bigint
  pin: Pin
  value: Uint8Array
  isDead: boolean
}

export interface ReferencePinset {
  /** By the text of the CID; the greatest element first, dead ones included. */
  elements: Map<string, ReferenceElement[]>
  /** CIDs of blocks that no other block builds on. */
  tips: Set<string>
}

export function referencePinset(blocks: readonly DagBlock[]): ReferencePinset {
  const elements = new Map<string, ReferenceElement[]>()
  const dead = new Set<string>()
  const tips = new Set(blocks.map(({ cid }) => cid.toString()))
  for (const { cid, bytes } of blocks) {
    const { id: blockId, links, delta } = decodeBlock(cid, bytes)
    for (const link of links) tips.delete(link.toString())
    for (const { key, blockId } of delta.tombstones) dead.add(`${key} ${blockId}`)
    for (const { key, value } of delta.elements) {
      const pinned = parsePinKey(key)
      const ofKey = elements.get(pinned.toString()) ?? []
      ofKey.push({ blockId, priority: delta.priority, value, pin: decodePin(pinned, value), isDead: false })
      elements.set(pinned.toString(), ofKey)
    }
  }
  for (const [key, ofKey] of elements) {
    for (const element of ofKey) {
      const { cid } = element.pin
      element.isDead = dead.has(`${keyText(cid.bytes)} ${element.blockId}`)
    }
    elements.set(key, ofKey.sort(greatestFirst))
  }
  return { elements, tips }
}

/** The pin that holds for a key; undefined when it is not in the set. */
export function winner(elements: readonly ReferenceElement[]): Pin | undefined {
  return elements.find(({ isDead }) => !isDead)?.pin
}

function greatestFirst(a: ReferenceElement, b: ReferenceElement): number {
  if (a.priority !== b.priority) return a.priority < b.priority ? 1 : -1
  return Buffer.compare(b.value, a.value)
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** As `spec/wire.md` §4.1 says, worked out bit by bit. */
function keyText(bytes: Uint8Array): string {
  let text = '/'
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = (held << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(held >> bits) & 31]
    }
    held &= (1 << bits) - 1
  }
  return bits === 0 ? text : text + alphabet[(held << (5 - bits)) & 31]
}
