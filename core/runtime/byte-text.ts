/**
 * Names of files as texts that lose no byte: a file system knows bytes, and old ones are in encodings of their time. A byte
 * that is no UTF-8 stands as the half of a character, U+DC80 to U+DCFF, which no text of people has (as in Python).
 */

const lowestHalf = 0xdc00

/** The text of `bytes`. */
export function textFromBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()
  if (!text.includes('\ufffd')) return text
  let kept = ''
  for (let at = 0; at < bytes.length; ) {
    const length = lengthOfCharacter(bytes, at)
    if (length === 0) kept += String.fromCharCode(lowestHalf + bytes[at++]!)
    else {
      kept += Buffer.from(bytes.subarray(at, at + length)).toString()
      at += length
    }
  }
  return kept
}

/** The bytes of a text that `textFromBytes` gave, or of any other. */
export function bytesFromText(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text)
  const parts = text.match(/[\udc80-\udcff]|[^\udc80-\udcff]+/gu) ?? []
  return Buffer.concat(
    parts.map((part) => {
      const code = part.charCodeAt(0)
      return code >= lowestHalf + 0x80 && code <= lowestHalf + 0xff
        ? Buffer.from([code - lowestHalf])
        : Buffer.from(part)
    }),
  )
}

/** Bytes of the character of UTF-8 that begins at `at`; 0 when none does. */
function lengthOfCharacter(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!
  const length =
    first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  if (length < 2) return length
  const piece = Buffer.from(bytes.subarray(at, at + length))
  return piece.length === length && Buffer.from(piece.toString()).equals(piece) ? length : 0
}
