/** Texts in the quotes of Go's time package, for error messages that clients know word by word. */

const utf8 = new TextEncoder()

/** In double quotes; control characters and whatever is not ASCII as `\x` and two hex digits a byte. */
export function goQuote(text: string): string {
  let quoted = ''
  for (const byte of utf8.encode(text)) {
    const char = String.fromCharCode(byte)
    if (byte < 0x20 || byte >= 0x80) quoted += `\\x${byte.toString(16).padStart(2, '0')}`
    else quoted += char === '"' || char === '\\' ? `\\${char}` : char
  }
  return `"${quoted}"`
}
