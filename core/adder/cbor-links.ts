/**
 * The links of a dag-cbor block, without making its values: a block of 2 MiB may have two million of them, for which the
 * decoder takes seconds in which nothing else runs. What is no link is passed by, whether or not it is strict dag-cbor.
 */
import { CID } from 'multiformats/cid'

export interface NodeLink {
  cid: CID
  /** As in a path; empty where the format has no name, as between the parts of a file. */
  name: string
}

/** Levels of lists and maps; decoders take fewer. */
const maxDepth = 1_024
/** Keys of a nested value that its link is named by, and bytes of each. */
const maxKeys = 16
const maxKeyBytes = 256
/** The tag of a link. */
const linkTag = 42

/** Major types of CBOR. */
const [byteString, textString, list, map, tag] = [2, 3, 4, 5, 6]

interface Level {
  isMap: boolean
  /** Items that are still to come; a map has two for each entry. */
  left: number
  /** Where the key of the entry is, or the number of the item. */
  keyStart: number
  keyEnd: number
  index: number
}

/** Throws for bytes that are no CBOR, or nest too deep. */
export function* linksOfCbor(bytes: Uint8Array): Generator<NodeLink> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const levels: Level[] = []
  let at = 0
  let isLink = false
  do {
    const major = bytes[at]! >> 5
    const info = bytes[at]! & 31
    const start = at + 1
    const size = info < 24 ? 0 : 1 << (info - 24)
    if (at >= bytes.length || info > 27 || start + size > bytes.length)
      throw new Error(`no CBOR at byte ${at}`)
    const value = argument(view, start, info)
    at = start + size
    const level = levels.at(-1)
    if (level && !isLink) {
      level.index++
      level.left--
      if (level.isMap && level.left % 2 === 1 && major === textString) {
        level.keyStart = at
        level.keyEnd = Math.min(at + value, at + maxKeyBytes)
      }
    }
    if (isLink && major !== byteString) throw new Error(`a link without a CID at byte ${start - 1}`)
    if (major === byteString || major === textString) {
      if (value > bytes.length - at) throw new Error(`no CBOR at byte ${start - 1}`)
      // The first byte says that the CID is in binary.
      if (isLink) yield { cid: CID.decode(bytes.subarray(at + 1, at + value)), name: nameOf(levels, bytes) }
      at += value
      isLink = false
    } else if (major === list || major === map) {
      if (levels.length === maxDepth) throw new Error(`it nests deeper than ${maxDepth} levels`)
      const left = major === map ? value * 2 : value
      levels.push({ isMap: major === map, left, keyStart: 0, keyEnd: 0, index: -1 })
    } else if (major === tag) {
      isLink = value === linkTag
      // What is tagged is no item of its own.
      if (!isLink && level) {
        level.left++
        level.index--
      } else if (!isLink) levels.push({ isMap: false, left: 1, keyStart: 0, keyEnd: 0, index: -1 })
    }
    while (!isLink && levels.at(-1)?.left === 0) levels.pop()
  } while (isLink || levels.length > 0)
  if (at !== bytes.length) throw new Error(`more follows the value that ends at byte ${at}`)
}

function argument(view: DataView, at: number, info: number): number {
  if (info < 24) return info
  if (info === 24) return view.getUint8(at)
  if (info === 25) return view.getUint16(at)
  if (info === 26) return view.getUint32(at)
  return Number(view.getBigUint64(at))
}

function nameOf(levels: readonly Level[], bytes: Uint8Array): string {
  return levels
    .slice(0, maxKeys)
    .map(({ isMap, keyStart, keyEnd, index }) =>
      isMap ? Buffer.from(bytes.subarray(keyStart, keyEnd)).toString() : `${index}`,
    )
    .join('/')
}
